import { connect } from 'node:net'

import { MoldauError } from '../base/errors.ts'
import { establish } from './establish.ts'
import { TcpTransport, readingInto } from './tcp.ts'
import { RESPONSE_BYTES_MAX } from './transport.ts'
import type { Transport } from './transport.ts'

export type { Transport } from './transport.ts'

/** Makes connections: over TCP, or to a broker in the same process. */
export interface Dialer {
  /** @throws MoldauError CONNECTION_REFUSED or TIMEOUT, both retriable. */
  dial(host: string, port: number): Promise<Transport>
}

export interface TcpDialerOptions {
  /** How long a connection may take to come up; default 10 s (Kafka's `socket.connection.setup.timeout.ms`). */
  connectTimeoutMs?: number
}

/** Connections over TCP. */
export function tcpDialer(options: TcpDialerOptions = {}): Dialer {
  const connectTimeoutMs = options.connectTimeoutMs ?? 10_000
  return { dial: (host, port) => dialTcp(host, port, connectTimeoutMs) }
}

function dialTcp(host: string, port: number, connectTimeoutMs: number): Promise<Transport> {
  const end: { transport?: TcpTransport } = {}
  const socket = connect({ host, port, noDelay: true, keepAlive: true, onread: readingInto(end) })
  const onUp = (): Transport => (end.transport = new TcpTransport(socket, { frameBytesMax: RESPONSE_BYTES_MAX, chunksAreReused: true }))
  return establish(socket, { host, port, connectTimeoutMs, event: 'connect', onUp, failure: (error) => refused(host, port, error) })
}

/** Nobody answered. */
export function refused(host: string, port: number, cause: Error): MoldauError {
  const message = `cannot connect to ${host}:${port} (${cause.message}): is a broker running there?`
  return new MoldauError('CONNECTION_REFUSED', message, { cause, retriable: true })
}
