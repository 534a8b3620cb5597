import type { Clock } from './clock.ts'

/** A wall clock that differs by more than this from what the monotonic one says has leapt; less is drift, and followed. */
const LEAP_MS = 60_000
/** A leap is believed when it has lasted for so long: time to put the clock right again. */
const DOUBT_MS = 60 * 60_000

/**
 * Wall time for judging what is old enough to be thrown away for good: records, offsets, ids. A wall clock that leaps ahead would make
 * everything old at once; here time goes on at the pace of the monotonic clock until the leap has lasted for an hour. It is never ahead
 * of the wall clock, so that nothing goes early when the clock is set back. (Kafka follows the wall clock.)
 */
export class AgeClock {
  readonly #clock: Clock
  #wall: number
  #mono: number
  #leaptAt: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#wall = clock.now()
    this.#mono = clock.monotonic()
    this.#leaptAt = undefined
  }

  /** Milliseconds since 1970. A leap counts from the call that notices it. */
  now(): number {
    const wall = this.#clock.now()
    const mono = this.#clock.monotonic()
    const expected = this.#wall + (mono - this.#mono)
    if (Math.abs(wall - expected) > LEAP_MS) {
      this.#leaptAt ??= mono
      if (mono - this.#leaptAt < DOUBT_MS) return Math.min(wall, expected)
    }
    this.#wall = wall
    this.#mono = mono
    this.#leaptAt = undefined
    return wall
  }
}
