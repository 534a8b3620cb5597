import type { Clock } from '../base/clock.ts'

/** Now, on both clocks: `wall` is written into records, `mono` measures time-outs and never goes back. Milliseconds. */
export interface Moment {
  readonly wall: number
  readonly mono: number
}

export function momentOf(clock: Clock): Moment {
  return { wall: clock.now(), mono: clock.monotonic() }
}
