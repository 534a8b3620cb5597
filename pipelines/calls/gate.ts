import type { Clock, Timer } from '../../core/base/clock.ts'
import { type BreakerRules, type BreakerState, CircuitBreaker, type Pass } from './circuit-breaker.ts'

/** A circuit breaker with those who wait until it lets them pass, first come, first served. */
export class Gate {
  readonly #breaker: CircuitBreaker
  readonly #clock: Clock
  readonly #waiting: Set<(pass: Pass) => void>
  #timer: Timer | undefined

  constructor(rules: BreakerRules, clock: Clock) {
    this.#breaker = new CircuitBreaker(rules)
    this.#clock = clock
    this.#waiting = new Set()
    this.#timer = undefined
  }

  get state(): BreakerState {
    return this.#breaker.state(this.#clock.monotonic())
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /**
   * A call wants to begin: gives what lets it pass, or else what makes it wait no longer.
   *
   * @param go called once, later, when the call may pass
   */
  enter(go: (pass: Pass) => void): Pass | (() => void) {
    const now = this.#clock.monotonic()
    const pass = this.#breaker.pass(now)
    if (pass !== undefined) return pass
    this.#waiting.add(go)
    this.#arm(now)
    return () => {
      this.#waiting.delete(go)
      if (this.#waiting.size === 0) this.#disarm()
    }
  }

  /** As {@link Gate.enter}, for those who do not wait: undefined when the call may not pass. */
  pass(): Pass | undefined {
    return this.#breaker.pass(this.#clock.monotonic())
  }

  ended(pass: Pass, failed: boolean): void {
    this.#breaker.ended(pass, failed, this.#clock.monotonic())
    this.#wake()
  }

  cancelled(pass: Pass): void {
    this.#breaker.cancelled(pass)
    // Those who wait may be cancelled next, with the same epoch.
    queueMicrotask(() => this.#wake())
  }

  #wake(): void {
    const now = this.#clock.monotonic()
    for (const go of this.#waiting) {
      const pass = this.#breaker.pass(now)
      if (pass === undefined) break
      this.#waiting.delete(go)
      go(pass)
    }
    this.#arm(now)
  }

  /** Half-open it waits for those that have passed, not for the clock. */
  #arm(now: number): void {
    this.#disarm()
    if (this.#waiting.size === 0 || this.#breaker.state(now) !== 'open') return
    this.#timer = this.#clock.after(this.#breaker.openUntil - now, () => this.#wake())
  }

  #disarm(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
