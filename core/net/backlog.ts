import { atEndOfTick } from './tick.ts'

/** Answers that all clients together may leave with us before we answer in small pieces. */
export const BACKLOG_BYTES_MAX = 64 * 1024 * 1024

/**
 * From here on only clients that are known to read get big answers at once; others wait until there is room. A pooled buffer may be twice as
 * large as what is in it, so this is half of the memory that may be taken.
 */
export const BACKLOG_OVER_FACTOR = 1.5

/** However long the backlog is, so much is answered to one request: a client that reads gets on. */
export const PIECE_BYTES_MIN = 64 * 1024

/** One answer takes at most this part of what is left, so that many slow readers together come near the bound, never beyond. */
const PIECE_SHARE = 1 / 8

/** Answers that clients have not taken yet, of all connections together: what keeps slow readers from filling the memory. */
export class Backlog {
  readonly bytesMax: number
  /** Called when it becomes full. */
  onFull: () => void
  #bytes: number
  /** Who waits for room, in the order of their coming: at most the requests that all connections may have under way. */
  readonly #waiting: (() => void)[]
  #calling: boolean

  constructor(bytesMax = BACKLOG_BYTES_MAX) {
    this.bytesMax = bytesMax
    this.onFull = () => {}
    this.#bytes = 0
    this.#waiting = []
    this.#calling = false
  }

  get bytes(): number {
    return this.#bytes
  }

  get isFull(): boolean {
    return this.#bytes >= this.bytesMax
  }

  /** So much waits that an answer to somebody who may never read it has to wait, too: see {@link Backlog.room}. */
  get isOver(): boolean {
    return this.#bytes >= this.bytesMax * BACKLOG_OVER_FACTOR
  }

  /** How large one more answer may be. */
  get pieceBytes(): number {
    return Math.max(PIECE_BYTES_MIN, Math.floor((this.bytesMax - this.#bytes) * PIECE_SHARE))
  }

  /** So much more, or less, waits. */
  add(bytes: number): void {
    const wasFull = this.isFull
    this.#bytes += bytes
    if (!wasFull && this.isFull) this.onFull()
    if (bytes < 0) this.#callNext()
  }

  /** Resolves when there is room for one more answer, for one after the other. */
  room(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#callNext()
    })
  }

  /** One in each turn: by the next it is known how much of his answer had to wait. */
  #callNext(): void {
    if (this.#calling || this.isOver || this.#waiting.length === 0) return
    this.#calling = true
    atEndOfTick(() => {
      this.#calling = false
      if (!this.isOver) this.#waiting.shift()?.()
      this.#callNext()
    })
  }
}
