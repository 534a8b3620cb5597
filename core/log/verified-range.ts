/**
 * The stretch of a file whose checksums were checked since it was opened: what this process wrote, recovered or read before. Reads
 * inside it need no check, which is what makes reading at the tail cheap; the first read of anything else pays for one.
 */
export class VerifiedRange {
  #from: number
  #to: number

  constructor() {
    this.#from = 0
    this.#to = 0
  }

  covers(from: number, to: number): boolean {
    return from >= this.#from && to <= this.#to
  }

  /** Joins `[from, to)`; of two stretches apart the longer one is kept. */
  add(from: number, to: number): void {
    if (from <= this.#to && to >= this.#from && this.#to > this.#from) {
      this.#from = Math.min(from, this.#from)
      this.#to = Math.max(to, this.#to)
    } else if (to - from > this.#to - this.#from) {
      this.#from = from
      this.#to = to
    }
  }

  truncate(to: number): void {
    this.#to = Math.max(this.#from, Math.min(this.#to, to))
  }
}
