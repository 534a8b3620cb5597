/** Answers that all clients together may leave with us before we answer in small pieces. */
export const BACKLOG_BYTES_MAX = 64 * 1024 * 1024

/** However long the backlog is, so much is answered to one request: a client that reads gets on. */
const PIECE_BYTES_MIN = 64 * 1024

/** One answer takes at most this part of what is left, so that many slow readers together come near the bound, never beyond. */
const PIECE_SHARE = 1 / 8

/** Answers that clients have not taken yet, of all connections together: what keeps slow readers from filling the memory. */
export class Backlog {
  readonly bytesMax: number
  /** Called when it becomes full. */
  onFull: () => void
  #bytes: number

  constructor(bytesMax = BACKLOG_BYTES_MAX) {
    this.bytesMax = bytesMax
    this.onFull = () => {}
    this.#bytes = 0
  }

  get bytes(): number {
    return this.#bytes
  }

  get isFull(): boolean {
    return this.#bytes >= this.bytesMax
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
  }
}
