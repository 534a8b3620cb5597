const FIRST_SIZE = 1024
/** More are not kept; the percentiles are of the first so many. */
const KEPT_MAX = 4_000_000

/** How long requests took, in milliseconds. */
export class Latencies {
  #values: Float64Array
  #count: number
  #sorted: boolean

  constructor() {
    this.#values = new Float64Array(FIRST_SIZE)
    this.#count = 0
    this.#sorted = false
  }

  add(ms: number): void {
    if (this.#count === KEPT_MAX) return
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#count * 2)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[this.#count++] = ms
    this.#sorted = false
  }

  /** The value that `percent` of all are at or below. */
  percentile(percent: number): number {
    if (!this.#sorted) this.#values.subarray(0, this.#count).sort()
    this.#sorted = true
    return this.#values[Math.min(this.#count - 1, Math.floor((this.#count * percent) / 100))] ?? Number.NaN
  }
}
