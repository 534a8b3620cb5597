import { MoldauError } from '../base/errors.ts'
import { atEndOfTick } from './tick.ts'
import type { BufferPool } from './buffer-pool.ts'
import type { Dialer } from './dialer.ts'
import { FrameSplitter } from './frames.ts'
import { REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX } from './transport.ts'
import type { Transport } from './transport.ts'

/** One end of a connection that never leaves the process. Bytes are copied once, so that neither side sees the other's later changes. */
class InProcessTransport implements Transport {
  readonly remote = 'in-process'
  readonly #splitter: FrameSplitter
  readonly #pool: BufferPool | undefined
  #peer: InProcessTransport | undefined
  #queued: Buffer[]
  #queuedBytes: number
  #paused: boolean
  #delivering: boolean
  #closed: boolean
  #frameHandler: (frame: Buffer) => void
  #closeHandler: (error?: Error) => void
  #drainHandler: () => void

  constructor(frameBytesMax: number, pool?: BufferPool) {
    this.#splitter = new FrameSplitter({ frameBytesMax })
    this.#pool = pool
    this.#peer = undefined
    this.#queued = []
    this.#queuedBytes = 0
    this.#paused = false
    this.#delivering = false
    this.#closed = false
    this.#frameHandler = () => {}
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
    return this.#queuedBytes
  }

  send(chunks: readonly Buffer[]): void {
    if (this.#closed) return
    if (this.#queued.length === 0) atEndOfTick(() => this.#flush())
    for (const chunk of chunks) {
      this.#queued.push(chunk)
      this.#queuedBytes += chunk.length
    }
  }

  onFrame(handler: (frame: Buffer) => void): void {
    this.#frameHandler = handler
  }

  onClose(handler: (error?: Error) => void): void {
    this.#closeHandler = handler
  }

  onDrain(handler: () => void): void {
    this.#drainHandler = handler
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#deliver()
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
    this.#queued = []
    this.#queuedBytes = 0
    this.#closeHandler(error)
  }

  /** Hands everything queued to the peer, unless it reads no more: then it stays queued here, as in a full socket buffer. */
  #flush(): void {
    const peer = this.#peer
    if (peer === undefined || peer.#paused || this.#queued.length === 0) return
    const bytes = Buffer.concat(this.#queued, this.#queuedBytes)
    if (this.#pool !== undefined) this.#pool.sent(this.#pool.ofPool(this.#queued))
    this.#queued = []
    this.#queuedBytes = 0
    peer.#splitter.push(bytes)
    peer.#deliver()
    if (!this.#closed) this.#drainHandler()
  }

  #deliver(): void {
    if (this.#delivering) return
    this.#delivering = true
    try {
      while (!this.#paused && !this.#closed) {
        const frame = this.#splitter.next()
        if (frame === undefined) break
        this.#frameHandler(frame)
      }
    } catch (error) {
      this.destroy(error as Error)
    } finally {
      this.#delivering = false
    }
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
