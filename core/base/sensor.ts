/** How long a sample is filled, in milliseconds; Kafka's `metrics.sample.window.ms`. Two are kept, as with Kafka's `metrics.num.samples`. */
export const SAMPLE_WINDOW_MS = 30_000

/** Rates of the first moments would be wild: nothing is taken to have happened in less time than this. */
const RATE_TIME_MIN_MS = 1000

/**
 * Counts what is measured: how often, how much in all, and rate, average and largest value of the last 30 to 60 seconds. Recording costs a few
 * additions; everything else is worked out when somebody asks. Times are monotonic milliseconds.
 */
export class Sensor {
  /** Of all time. */
  count: number
  sum: number
  #windowMs: number
  #startedAt: number
  /** Beginning of the sample before; what it holds counts too. */
  #beforeAt: number
  #count: number
  #sum: number
  #max: number
  #countBefore: number
  #sumBefore: number
  #maxBefore: number

  constructor(now: number, windowMs = SAMPLE_WINDOW_MS) {
    this.count = 0
    this.sum = 0
    this.#windowMs = windowMs
    this.#startedAt = now
    this.#beforeAt = now
    this.#count = 0
    this.#sum = 0
    this.#max = -Infinity
    this.#countBefore = 0
    this.#sumBefore = 0
    this.#maxBefore = -Infinity
  }

  /** @param times how many things `value` is the sum of; the largest value is then that of the sum */
  record(value: number, now: number, times = 1): void {
    if (now - this.#startedAt >= this.#windowMs) this.#turn(now)
    this.count += times
    this.sum += value
    this.#count += times
    this.#sum += value
    if (value > this.#max) this.#max = value
  }

  /** The sum of values per second. */
  rate(now: number): number {
    if (now - this.#startedAt >= this.#windowMs) this.#turn(now)
    return (this.#sumBefore + this.#sum) / this.#seconds(now)
  }

  /** How many per second. */
  frequency(now: number): number {
    if (now - this.#startedAt >= this.#windowMs) this.#turn(now)
    return (this.#countBefore + this.#count) / this.#seconds(now)
  }

  /** NaN when nothing was recorded lately. */
  average(now: number): number {
    if (now - this.#startedAt >= this.#windowMs) this.#turn(now)
    return (this.#sumBefore + this.#sum) / (this.#countBefore + this.#count)
  }

  /** NaN when nothing was recorded lately. */
  max(now: number): number {
    if (now - this.#startedAt >= this.#windowMs) this.#turn(now)
    const max = Math.max(this.#maxBefore, this.#max)
    return max === -Infinity ? NaN : max
  }

  #seconds(now: number): number {
    return Math.max(now - this.#beforeAt, RATE_TIME_MIN_MS) / 1000
  }

  /** A new sample begins, and the oldest is forgotten. */
  #turn(now: number): void {
    const windows = Math.floor((now - this.#startedAt) / this.#windowMs)
    const isNext = windows === 1
    this.#countBefore = isNext ? this.#count : 0
    this.#sumBefore = isNext ? this.#sum : 0
    this.#maxBefore = isNext ? this.#max : -Infinity
    this.#startedAt += windows * this.#windowMs
    this.#beforeAt = this.#startedAt - this.#windowMs
    this.#count = 0
    this.#sum = 0
    this.#max = -Infinity
  }
}
