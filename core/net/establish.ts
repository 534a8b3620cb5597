import type { Socket } from 'node:net'

import { MoldauError } from '../base/errors.ts'
import type { Transport } from './transport.ts'

export interface Establishing {
  readonly host: string
  readonly port: number
  readonly connectTimeoutMs: number
  /** What the socket says when it can be used. */
  readonly event: 'connect' | 'secureConnect'
  /** Called in that moment: what comes in next is for the transport. */
  readonly onUp: () => Transport
  /** What an error of the socket means to the caller. */
  readonly failure: (error: Error) => MoldauError
}

/** Waits for a socket that dials. After `connectTimeoutMs` it is destroyed. @throws MoldauError TIMEOUT, and what `failure` makes */
export function establish(socket: Socket, { host, port, connectTimeoutMs, event, onUp, failure }: Establishing): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy(new MoldauError('TIMEOUT', `no connection to ${host}:${port} within ${connectTimeoutMs} ms`, { retriable: true }))
    }, connectTimeoutMs)
    const fail = (error: Error): void => {
      clearTimeout(timer)
      reject(error instanceof MoldauError ? error : failure(error))
    }
    socket.once('error', fail)
    socket.once(event, () => {
      clearTimeout(timer)
      socket.off('error', fail)
      resolve(onUp())
    })
  })
}
