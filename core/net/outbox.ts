import { atEndOfTick } from './tick.ts'

/** Bytes on their way out: what is added in one turn of the event loop leaves together at its end. */
export class Outbox {
  readonly #flush: () => void
  #queued: Buffer[]
  #bytes: number

  /** @param flush called at the end of a turn in which the first bytes came; it {@link take}s them, or leaves them for later */
  constructor(flush: () => void) {
    this.#flush = flush
    this.#queued = []
    this.#bytes = 0
  }

  get isEmpty(): boolean {
    return this.#queued.length === 0
  }

  /** How many bytes wait. */
  get bytes(): number {
    return this.#bytes
  }

  add(chunks: readonly Buffer[]): void {
    if (this.isEmpty) atEndOfTick(this.#flush)
    for (const chunk of chunks) {
      this.#queued.push(chunk)
      this.#bytes += chunk.length
    }
  }

  /** Everything that waits, in order; it is the caller's now. */
  take(): Buffer[] {
    const queued = this.#queued
    this.#queued = []
    this.#bytes = 0
    return queued
  }
}
