import type { Clock } from '../../core/base/clock.ts'

/** When the timers of a processor by the wall clock are due: an interval after the start of its task, and so on. Those that were missed are left out. */
export class WallTimers {
  readonly #intervals: readonly number[]
  readonly #clock: Clock
  #next: number[]
  /** What {@link WallTimers.#next} was when the epoch began. */
  #before: readonly number[]

  /** @param intervals in milliseconds */
  constructor(intervals: readonly number[], clock: Clock) {
    this.#intervals = intervals
    this.#clock = clock
    const now = clock.monotonic()
    this.#next = intervals.map((everyMs) => now + everyMs)
    this.#before = this.#next
  }

  /** When the first of them is due, by the monotonic clock. */
  get wakeAt(): number {
    return Math.min(Infinity, ...this.#next)
  }

  /** An epoch begins. */
  begin(): void {
    this.#before = [...this.#next]
  }

  /** The epoch has failed: what was called is due again. */
  reset(): void {
    this.#next = [...this.#before]
  }

  /** Calls what is due, in the order of time. */
  fire(call: (timer: number) => void): void {
    const now = this.#clock.monotonic()
    const due = [...this.#next.keys()].filter((i) => this.#next[i]! <= now).sort((a, b) => this.#next[a]! - this.#next[b]! || a - b)
    for (const i of due) {
      const everyMs = this.#intervals[i]!
      this.#next[i]! += (Math.floor((now - this.#next[i]!) / everyMs) + 1) * everyMs
      call(i)
    }
  }
}
