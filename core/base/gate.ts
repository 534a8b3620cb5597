/** Lets so many at a time pass; the others wait in line. */
export class Gate {
  readonly #width: number
  readonly #waiting: (() => void)[]
  #inside: number

  constructor(width: number) {
    this.#width = width
    this.#waiting = []
    this.#inside = 0
  }

  /** How many stand in line. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Runs `work` when it is its turn: at once when there is room. */
  async pass<T>(work: () => T | Promise<T>): Promise<T> {
    // Who leaves hands the place on: nobody gets in between.
    if (this.#inside === this.#width) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#inside++
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#inside--
      else next()
    }
  }
}
