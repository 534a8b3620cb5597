import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { SecureContextOptions } from 'node:tls'

import { MoldauError, messageOf } from '../base/errors.ts'
import { addressOf } from './address.ts'
import { adopt } from './adopt.ts'
import { BufferPool } from './buffer-pool.ts'
import type { ConnectionLimits } from './connection-limits.ts'
import { TcpTransport, readingInto } from './tcp.ts'
import type { InboxOptions } from './inbox.ts'
import type { MemoryBudget } from './memory-budget.ts'
import { TlsAcceptor } from './tls-acceptor.ts'
import type { TlsAcceptorOptions } from './tls-acceptor.ts'
import { REQUEST_BYTES_MAX } from './transport.ts'
import type { Transport } from './transport.ts'
import type { Turnstile } from './turnstile.ts'

export interface ListenOptions {
  host: string
  /** 0 takes a free port. */
  port: number
  /** Where requests are put together, and answers come from. */
  buffers?: BufferPool
  /** Called with each accepted connection; one that speaks TLS is through with its handshake. */
  onConnection: (transport: Transport) => void
  /** Connections at the same time; further ones are closed at once. Default 10,000. */
  connectionsMax?: number
  /** Counts over all listeners; those it does not admit are closed at once. */
  limits?: ConnectionLimits
  /** Lets connections in, as fast as it will; without one at once. */
  turnstile?: Turnstile
  /** Largest request in bytes; default 100 MiB (Kafka's `socket.request.max.bytes`). */
  requestBytesMax?: number
  /** Connections that may wait to be accepted; default 1024. */
  acceptBacklog?: number
  /** What requests that come in pieces may take, over all listeners. */
  budget?: MemoryBudget
  /** Speaks TLS instead of plain text. */
  tls?: TlsAcceptorOptions
}

export const CONNECTIONS_MAX = 10_000
const ACCEPT_BACKLOG = 1024

/** A TCP port on which connections arrive. */
export class Listener {
  readonly host: string
  readonly port: number
  readonly #server: Server
  readonly #tls: TlsAcceptor | undefined
  readonly #turnstile: Turnstile | undefined

  private constructor(server: Server, host: string, tls: TlsAcceptor | undefined, turnstile: Turnstile | undefined) {
    this.#server = server
    this.#tls = tls
    this.#turnstile = turnstile
    this.host = host
    this.port = (server.address() as AddressInfo).port
  }

  /** @throws MoldauError PORT_IN_USE when another process has the port, INVALID_CONFIG when the address cannot be listened on. */
  static listen(options: ListenOptions): Promise<Listener> {
    const { host, port, onConnection, limits, budget, turnstile } = options
    const frameBytesMax = options.requestBytesMax ?? REQUEST_BYTES_MAX
    const frames = { frameBytesMax, lendFrom: options.buffers ?? new BufferPool(), ...(budget !== undefined && { budget }) }
    const tls =
      options.tls === undefined
        ? undefined
        : new TlsAcceptor(options.tls, (socket, certificate) => onConnection(listened(socket, frames, certificate)))
    const settings = { noDelay: true, keepAlive: true, pauseOnConnect: true }
    const begin = (socket: Socket, leave: (() => void) | undefined): void => {
      if (tls === undefined) accept(socket, frames, onConnection, leave)
      else {
        if (leave !== undefined) socket.once('close', leave)
        tls.shakeHands(socket)
      }
    }
    const server = createServer(settings, (socket) => {
      const leave = limits?.admit(addressOf(socket))
      if (limits !== undefined && leave === undefined) socket.destroy()
      else if (turnstile === undefined) begin(socket, leave)
      else turnstile.take(socket, (isIn) => (isIn ? begin(socket, leave) : leave?.()))
    })
    server.maxConnections = options.connectionsMax ?? CONNECTIONS_MAX
    return new Promise((resolve, reject) => {
      server.once('error', (error) => reject(listenError(host, port, error)))
      const backlog = options.acceptBacklog ?? ACCEPT_BACKLOG
      server.listen({ host, port, backlog }, () => resolve(new Listener(server, host, tls, turnstile)))
    })
  }

  /**
   * New connections get other certificates; those that are open keep theirs.
   *
   * @throws Error when key and certificates do not fit each other: the old ones stay
   */
  replaceCertificates(context: SecureContextOptions): void {
    this.#tls?.replaceCertificates(context)
  }

  /** Connections at the same time, from now on; those that are open stay. */
  set connectionsMax(max: number) {
    this.#server.maxConnections = max
  }

  /** No more connections; those that are open stay open and are the caller's to end. Resolves when the last of them has ended. */
  close(): Promise<void> {
    this.#turnstile?.close()
    this.#tls?.close()
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
    })
  }
}

/** A socket that gives fresh memory with every read: Node lets only one that dials choose where it reads to, and TLS none. */
function listened(socket: Socket, frames: InboxOptions, certificate?: Buffer): TcpTransport {
  const transport = new TcpTransport(socket, frames, certificate)
  socket.on('data', (chunk: Buffer) => transport.receive(chunk))
  return transport
}

/** @param leave is called when the connection ends, of whichever socket it is by then */
function accept(accepted: Socket, frames: InboxOptions, onConnection: (transport: Transport) => void, leave?: () => void): void {
  const end: { transport?: TcpTransport } = {}
  const socket = adopt(accepted, readingInto(end))
  if (leave !== undefined) (socket ?? accepted).once('close', leave)
  if (socket !== undefined) {
    onConnection((end.transport = new TcpTransport(socket, { ...frames, chunksAreReused: true })))
    return
  }
  onConnection(listened(accepted, frames))
  accepted.resume()
}

function listenError(host: string, port: number, cause: NodeJS.ErrnoException): MoldauError {
  if (cause.code === 'EADDRINUSE') {
    const message = `port ${port} on ${host} is in use by another process: stop it, or choose another port (0 takes a free one)`
    return new MoldauError('PORT_IN_USE', message, { cause })
  }
  return new MoldauError('INVALID_CONFIG', `cannot listen on ${host}:${port}: ${messageOf(cause)}; choose another host or port`, { cause })
}
