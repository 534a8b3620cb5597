import { type Clock, ManualClock, type Timer } from '../../core/base/clock.ts'

/** A clock that stands still until it is moved, whose wall time may leap while the monotonic one goes on. */
export class LeapingClock implements Clock {
  readonly #inner: ManualClock
  #leapt: number

  constructor() {
    this.#inner = new ManualClock()
    this.#leapt = 0
  }

  now(): number {
    return this.#inner.now() + this.#leapt
  }

  monotonic(): number {
    return this.#inner.monotonic()
  }

  after(ms: number, run: () => void): Timer {
    return this.#inner.after(ms, run)
  }

  advance(ms: number): void {
    this.#inner.advance(ms)
  }

  /** Somebody sets the wall clock, by so much. */
  leap(ms: number): void {
    this.#leapt += ms
  }
}
