import type { Clock, Timer } from '../base/clock.ts'

interface Scheduled {
  readonly at: number
  readonly timer: Timer
}

/** One timer for each group that has a deadline. Times are those of {@link Clock.monotonic}. */
export class GroupTimers {
  readonly #clock: Clock
  readonly #onDue: (groupId: string) => void
  readonly #timers: Map<string, Scheduled>

  constructor(clock: Clock, onDue: (groupId: string) => void) {
    this.#clock = clock
    this.#onDue = onDue
    this.#timers = new Map()
  }

  /** The group is due at `at`; Infinity: not at all. */
  schedule(groupId: string, at: number): void {
    const scheduled = this.#timers.get(groupId)
    // A timer that fires early finds nothing due: cheaper than moving it at every sign of life.
    if (scheduled !== undefined && scheduled.at <= at && at !== Infinity) return
    scheduled?.timer.cancel()
    this.#timers.delete(groupId)
    if (at === Infinity) return
    const timer = this.#clock.after(Math.max(1, Math.ceil(at - this.#clock.monotonic())), () => {
      this.#timers.delete(groupId)
      this.#onDue(groupId)
    })
    this.#timers.set(groupId, { at, timer })
  }

  clear(): void {
    for (const { timer } of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }
}
