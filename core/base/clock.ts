/** Time comes in through constructors, so that a test turns hours into microseconds and a seed replays a failure. */

export interface Timer {
  cancel(): void
  /** The process may end before it fires. */
  unref?(): void
}

export interface Clock {
  /** Wall time in milliseconds since 1970: for timestamps and retention, may jump. */
  now(): number
  /** Milliseconds since some start: for time-outs and durations, never goes back. */
  monotonic(): number
  /** Calls `run` once, `ms` milliseconds from now. */
  after(ms: number, run: () => void): Timer
}

/** A timer that is so late waited for something that held everything up, or for a process that was stopped. */
const LATE_MS = 100

/**
 * The machine's clock. Before a late timer runs, what has come in meanwhile is looked at: a member whose heartbeat lies in the socket must not
 * lose its session because this process was held up.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const due = performance.now() + ms
    let late: NodeJS.Immediate | undefined
    const timer = setTimeout(() => {
      if (performance.now() - due < LATE_MS) run()
      else late = setImmediate(run)
    }, ms)
    return {
      cancel() {
        clearTimeout(timer)
        clearImmediate(late)
      },
      unref: () => void timer.unref(),
    }
  },
}

/** Resolves `ms` milliseconds from now on the given clock. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve)
  })
}

interface Scheduled {
  at: number
  order: number
  run: () => void
}

/** A clock that stands still until {@link ManualClock.advance} moves it; timers fire in order of their time. */
export class ManualClock implements Clock {
  #now: number
  #order: number
  readonly #scheduled: Set<Scheduled>

  constructor(start = 1_700_000_000_000) {
    this.#now = start
    this.#order = 0
    this.#scheduled = new Set()
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now
  }

  after(ms: number, run: () => void): Timer {
    const entry = { at: this.#now + ms, order: this.#order++, run }
    this.#scheduled.add(entry)
    return { cancel: () => void this.#scheduled.delete(entry) }
  }

  /** Moves time forward by `ms`, firing every timer that falls due, each at its own time. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (let next = this.#firstDue(end); next !== undefined; next = this.#firstDue(end)) {
      this.#scheduled.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.run()
    }
    this.#now = end
  }

  #firstDue(end: number): Scheduled | undefined {
    let first: Scheduled | undefined
    for (const entry of this.#scheduled) {
      if (entry.at > end) continue
      if (first === undefined || entry.at < first.at || (entry.at === first.at && entry.order < first.order)) first = entry
    }
    return first
  }
}
