import { type Clock, sleep } from '../../base/clock.ts'

/** A pause is slept in parts of so many milliseconds, so that a stop need not wait for its end. */
const SLEEP_MS_MAX = 100

/** Keeps what is read and written below `log.cleaner.io.max.bytes.per.second`, over all logs that are being cleaned. Kafka's `Throttler`. */
export class Throttle {
  #bytesPerSecond: number
  readonly #clock: Clock
  /** When what was done so far is paid for, on the monotonic clock. */
  #paidAt: number

  constructor(bytesPerSecond: number, clock: Clock) {
    this.#bytesPerSecond = bytesPerSecond
    this.#clock = clock
    this.#paidAt = 0
  }

  /** The rate from now on: what the old one still asked for need not be waited for. */
  set bytesPerSecond(rate: number) {
    if (rate === this.#bytesPerSecond) return
    this.#bytesPerSecond = rate
    this.#paidAt = 0
  }

  /** Waits as long as the rate asks for after so many bytes, or until `stopped`; resolves at once when there is no limit. */
  async pause(bytes: number, stopped: () => boolean): Promise<void> {
    const rate = this.#bytesPerSecond
    if (!(rate < Number.MAX_SAFE_INTEGER)) return
    const now = this.#clock.monotonic()
    this.#paidAt = Math.max(this.#paidAt, now) + (bytes / rate) * 1000
    // Shorter than a timer can be: it is made up for later.
    const until = this.#paidAt - 1
    for (let left = until - now; left > 0 && rate === this.#bytesPerSecond && !stopped(); left = until - this.#clock.monotonic()) {
      await sleep(this.#clock, Math.min(Math.ceil(left), SLEEP_MS_MAX))
    }
  }
}
