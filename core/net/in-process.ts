import { MoldauError } from '../base/errors.ts'
import { atEndOfTick } from './tick.ts'
import type { BufferPool } from './buffer-pool.ts'
import type { Dialer } from './dialer.ts'
import { Inbox } from './inbox.ts'
import { Outbox } from './outbox.ts'
import { REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX } from './transport.ts'
import type { Transport } from './transport.ts'

/** One end of a connection that never leaves the process. Bytes are copied once, so that neither side sees the other's later changes. */
class InProcessTransport implements Transport {
  readonly remote = 'in-process'
  readonly #inbox: Inbox
  readonly #outbox: Outbox
  readonly #pool: BufferPool | undefined
  #peer: InProcessTransport | undefined
  #closed: boolean
  #closeHandler: (error?: Error) => void
  #drainHandler: () => void

  constructor(frameBytesMax: number, pool?: BufferPool) {
    this.#inbox = new Inbox({ frameBytesMax }, this)
    this.#outbox = new Outbox(() => this.#flush())
    this.#pool = pool
    this.#peer = undefined
    this.#closed = false
    this.#closeHandler = () => {}
    this.#drainHandler = () => {}
  }

  /** @param pool where the server's answers come from */
  static pair(pool?: BufferPool): [InProcessTransport, InProcessTransport] {
    const client = new InProcessTransport(RESPONSE_BYTES_MAX)
    const server = new InProcessTransport(REQUEST_BYTES_MAX, pool)
    client.#peer = server
    server.#peer = client
    return [client, server]
  }

  get bufferedBytes(): number {
    return this.#outbox.bytes
  }

  get isOpen(): boolean {
    return !this.#closed
  }

  send(chunks: readonly Buffer[]): void {
    if (!this.#closed) this.#outbox.add(chunks)
  }

  onFrame(handler: (frame: Buffer) => void): void {
    this.#inbox.onFrame(handler)
  }

  onClose(handler: (error?: Error) => void): void {
    this.#closeHandler = handler
  }

  onDrain(handler: () => void): void {
    this.#drainHandler = handler
  }

  pause(): void {
    this.#inbox.pause()
  }

  resume(): void {
    if (!this.#inbox.isPaused) return
    this.#inbox.resume()
    const peer = this.#peer
    if (peer !== undefined) peer.#flush()
  }

  close(): void {
    if (this.#closed) return
    this.#flush()
    atEndOfTick(() => this.destroy())
  }

  destroy(error?: Error): void {
    if (this.#closed) return
    const peer = this.#peer
    this.#end(error)
    if (peer !== undefined) atEndOfTick(() => peer.#end())
  }

  #end(error?: Error): void {
    if (this.#closed) return
    this.#closed = true
    this.#peer = undefined
    this.#outbox.take()
    this.#closeHandler(error)
  }

  /** Hands everything queued to the peer, unless it reads no more: then it stays queued here, as in a full socket buffer. */
  #flush(): void {
    const peer = this.#peer
    if (peer === undefined || peer.#inbox.isPaused || this.#outbox.isEmpty) return
    const size = this.#outbox.bytes
    const queued = this.#outbox.take()
    const bytes = Buffer.concat(queued, size)
    if (this.#pool !== undefined) this.#pool.sent(this.#pool.ofPool(queued))
    peer.#inbox.push(bytes)
    if (!this.#closed) this.#drainHandler()
  }
}

/** Accepts connections from the same process: `dialer` makes them, with the same frames that TCP would carry. */
export class InProcessListener {
  /** Connects to this listener whatever host and port are asked for. */
  readonly dialer: Dialer
  #closed: boolean

  /** @param buffers where answers come from */
  constructor(onConnection: (transport: Transport) => void, buffers?: BufferPool) {
    this.#closed = false
    this.dialer = {
      dial: async () => {
        if (this.#closed)
          throw new MoldauError('CONNECTION_REFUSED', 'the broker in this process is closed: start it again', { retriable: true })
        const [client, server] = InProcessTransport.pair(buffers)
        onConnection(server)
        return client
      },
    }
  }

  close(): void {
    this.#closed = true
  }
}
