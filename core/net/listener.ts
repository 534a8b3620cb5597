import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

import { MoldauError, messageOf } from '../base/errors.ts'
import { BufferPool } from './buffer-pool.ts'
import { TcpTransport } from './tcp.ts'
import type { FrameOptions } from './frames.ts'
import { REQUEST_BYTES_MAX } from './transport.ts'
import type { Transport } from './transport.ts'

export interface ListenOptions {
  host: string
  /** 0 takes a free port. */
  port: number
  /** Where requests are put together, and answers come from. */
  buffers?: BufferPool
  /** Called with each accepted connection. */
  onConnection: (transport: Transport) => void
  /** Connections at the same time; further ones are closed at once. Default 10,000. */
  connectionsMax?: number
  /** Largest request in bytes; default 100 MiB (Kafka's `socket.request.max.bytes`). */
  requestBytesMax?: number
}

export const CONNECTIONS_MAX = 10_000

/** A TCP port on which connections arrive. */
export class Listener {
  readonly host: string
  readonly port: number
  readonly #server: Server

  private constructor(server: Server, host: string) {
    this.#server = server
    this.host = host
    this.port = (server.address() as AddressInfo).port
  }

  /** @throws MoldauError PORT_IN_USE when another process has the port, INVALID_CONFIG when the address cannot be listened on. */
  static listen(options: ListenOptions): Promise<Listener> {
    const { host, port, onConnection } = options
    const frameBytesMax = options.requestBytesMax ?? REQUEST_BYTES_MAX
    const frames = { frameBytesMax, lendFrom: options.buffers ?? new BufferPool() }
    const server = createServer({ noDelay: true, keepAlive: true }, (socket) => accept(socket, frames, onConnection))
    server.maxConnections = options.connectionsMax ?? CONNECTIONS_MAX
    return new Promise((resolve, reject) => {
      server.once('error', (error) => reject(listenError(host, port, error)))
      server.listen({ host, port, backlog: 1024 }, () => resolve(new Listener(server, host)))
    })
  }

  /** Connections at the same time, from now on; those that are open stay. */
  set connectionsMax(max: number) {
    this.#server.maxConnections = max
  }

  /** No more connections; those that are open stay open and are the caller's to end. Resolves when the last of them has ended. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
    })
  }
}

function accept(socket: Socket, frames: FrameOptions, onConnection: (transport: Transport) => void): void {
  const transport = new TcpTransport(socket, frames)
  onConnection(transport)
  // Only a dialled socket may choose where it reads to (`onread`).
  socket.on('data', (chunk: Buffer) => transport.receive(chunk))
}

function listenError(host: string, port: number, cause: NodeJS.ErrnoException): MoldauError {
  if (cause.code === 'EADDRINUSE') {
    const message = `port ${port} on ${host} is in use by another process: stop it, or choose another port (0 takes a free one)`
    return new MoldauError('PORT_IN_USE', message, { cause })
  }
  return new MoldauError('INVALID_CONFIG', `cannot listen on ${host}:${port}: ${messageOf(cause)}; choose another host or port`, { cause })
}
