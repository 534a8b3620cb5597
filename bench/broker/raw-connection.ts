import { once } from 'node:events'
import { type Socket, connect } from 'node:net'

/** As much of an answer as is looked at: enough for one partition's errors and offsets. */
const HEAD_BYTES = 160
const READ_BYTES = 1024 * 1024

/** All connections read here. */
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES)

/**
 * A connection that sends requests made beforehand and looks at the heads of the answers only, so that the load costs little and the
 * same for every broker.
 */
export class RawConnection {
  /** Called for each answer with its first bytes (the length field is the first of them) and its whole length. */
  onAnswer: (head: Buffer, bytes: number) => void
  /** Called when everything that came in one read has been handed out. */
  onRead: () => void
  /** Called when the connection ends before it is closed. */
  onLost: (error: Error) => void
  readonly #socket: Socket
  readonly #head: Buffer
  #headBytes: number
  /** Bytes of the answer behind its head that have not come yet. */
  #rest: number
  #frameBytes: number
  #failure: Error | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#head = Buffer.alloc(HEAD_BYTES)
    this.#headBytes = 0
    this.#rest = 0
    this.#frameBytes = 0
    this.onAnswer = () => {}
    this.onRead = () => {}
    this.onLost = () => {}
    socket.on('error', (error) => (this.#failure = error))
    socket.on('close', () => this.onLost(this.#failure ?? new Error('the broker closed the connection')))
  }

  static async open(bootstrap: string): Promise<RawConnection> {
    const [host, port] = bootstrap.split(':')
    const end: { connection?: RawConnection } = {}
    const onread = {
      buffer: readBuffer,
      callback: (bytes: number): boolean => {
        end.connection?.received(bytes)
        return true
      },
    }
    const socket = connect({ host: host!, port: Number(port), noDelay: true, onread })
    await once(socket, 'connect')
    return (end.connection = new RawConnection(socket))
  }

  /** The memory must stay as it is until it has left. */
  write(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  /** The same bytes several times, in one write. */
  writeTimes(bytes: Buffer, times: number): void {
    this.#socket.cork()
    for (let i = 0; i < times; i++) this.#socket.write(bytes)
    this.#socket.uncork()
  }

  close(): void {
    this.onLost = () => {}
    this.#socket.destroy()
  }

  received(bytes: number): void {
    for (let at = 0; at < bytes;) at += this.#rest > 0 ? this.#skip(bytes - at) : this.#take(at, bytes)
    this.onRead()
  }

  #skip(available: number): number {
    const count = Math.min(this.#rest, available)
    this.#rest -= count
    if (this.#rest === 0) this.#answered()
    return count
  }

  #take(at: number, bytes: number): number {
    const wanted = this.#headBytes < 4 ? 4 : Math.min(this.#frameBytes, HEAD_BYTES)
    const count = Math.min(wanted - this.#headBytes, bytes - at)
    readBuffer.copy(this.#head, this.#headBytes, at, at + count)
    this.#headBytes += count
    if (this.#headBytes < wanted) return count
    if (wanted === 4) this.#frameBytes = 4 + this.#head.readInt32BE(0)
    if (this.#headBytes === Math.min(this.#frameBytes, HEAD_BYTES)) {
      this.#rest = this.#frameBytes - this.#headBytes
      if (this.#rest === 0) this.#answered()
    }
    return count
  }

  #answered(): void {
    this.#headBytes = 0
    this.onAnswer(this.#head, this.#frameBytes)
  }
}
