/**
 * Memory that requests may take, over all connections (Kafka's `queued.max.request.bytes`): those being put together, and those being worked on.
 * As in Kafka the last one to be let in may take it over the bound, so that a request larger than what is left can come at all.
 */
export class MemoryBudget {
  readonly #bytesMax: number
  readonly #waiting: Set<() => void>
  #used: number

  /** @param bytesMax Infinity for no bound */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
    this.#waiting = new Set()
    this.#used = 0
  }

  get isExhausted(): boolean {
    return this.#used >= this.#bytesMax
  }

  get used(): number {
    return this.#used
  }

  take(bytes: number): void {
    this.#used += bytes
  }

  give(bytes: number): void {
    this.#used -= bytes
    if (this.#waiting.size === 0 || this.isExhausted) return
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const resume of waiting) resume()
  }

  /** Calls `resume` once, when there is room again. Asked for twice it is called once. */
  whenRoom(resume: () => void): void {
    this.#waiting.add(resume)
  }

  /** Nobody waits for this any more. */
  forget(resume: () => void): void {
    this.#waiting.delete(resume)
  }
}
