import type { ExecutionContext } from 'ava'

import { systemClock } from '../../core/base/clock.ts'
import { Connection } from '../../core/net/connection.ts'
import type { ConnectionOptions } from '../../core/net/connection.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import type { Dialer } from '../../core/net/dialer.ts'
import { InProcessListener } from '../../core/net/in-process.ts'
import { Listener } from '../../core/net/listener.ts'
import type { Transport } from '../../core/net/transport.ts'

export interface TestServer {
  readonly connections: readonly Connection[]
  readonly errors: readonly (Error | undefined)[]
  dial(): Promise<Transport>
}

/** The two ways to reach a server; a test that holds for one holds for the other. */
export const transports = ['tcp', 'in-process'] as const

/** A server whose connections answer with `handle`. */
export async function serve(
  t: ExecutionContext,
  kind: (typeof transports)[number],
  options: Pick<ConnectionOptions, 'handle'> & Partial<ConnectionOptions>,
): Promise<TestServer> {
  const connections: Connection[] = []
  const errors: (Error | undefined)[] = []
  const onConnection = (transport: Transport): void => {
    const onClose = (_connection: Connection, error?: Error): void => void errors.push(error)
    connections.push(new Connection(transport, { clock: systemClock, onClose, ...options }))
  }
  let dialer: Dialer
  let port = 0
  if (kind === 'tcp') {
    const listener = await Listener.listen({ host: '127.0.0.1', port: 0, onConnection, requestBytesMax: 1024 * 1024 })
    t.teardown(async () => {
      for (const connection of connections) connection.destroy()
      await listener.close()
    })
    port = listener.port
    dialer = tcpDialer()
  } else {
    dialer = new InProcessListener(onConnection).dialer
  }
  return { connections, errors, dial: () => dialer.dial('127.0.0.1', port) }
}

/** A frame with its length. */
export function frame(body: Buffer | string): Buffer[] {
  const bytes = Buffer.from(body)
  const length = Buffer.alloc(4)
  length.writeInt32BE(bytes.length)
  return [length, bytes]
}

/** Collects frames; `count(n)` resolves when there are n, `closed` when the connection has ended. */
export function collect(transport: Transport): {
  frames: string[]
  count: (n: number) => Promise<string[]>
  closed: Promise<Error | undefined>
} {
  const frames: string[] = []
  let wanted = Infinity
  let found = (): void => {}
  transport.onFrame((bytes) => {
    frames.push(bytes.toString())
    if (frames.length >= wanted) found()
  })
  const closed = new Promise<Error | undefined>((resolve) => transport.onClose(resolve))
  const count = (n: number): Promise<string[]> =>
    new Promise((resolve) => {
      wanted = n
      found = () => resolve(frames)
      if (frames.length >= n) found()
    })
  return { frames, count, closed }
}
