import type { Duration } from '../duration.ts'
import { atLeastOne, commonOptions, type EmitStrategy, type WindowOptions } from '../windows.ts'

/** Windows that slide over the records of a key. Made by {@link sliding}. */
export interface SlidingWindows {
  readonly kind: 'sliding'
  /** How far apart the records of one window are at most; the window's `end` still belongs to it. */
  readonly differenceMs: number
  readonly graceMs: number
  readonly emit: EmitStrategy
}

/**
 * Windows of event time around the records themselves: each record of a key is the last of one window, which goes back `difference`, and begins
 * another one a millisecond later, which is there when a record falls into it. So there is a window for every set of records that are at most
 * `difference` apart. Start and end both belong to it. Kafka Streams' `SlidingWindows.ofTimeDifferenceAndGrace` (KIP-450).
 *
 * A window closes when the watermark passes its end plus `grace`; a record is late when it would be in closed ones only.
 *
 * ```ts
 * .groupByKey().window(sliding('10m', { grace: '1m' })).count()
 * ```
 *
 * @throws PIPELINE_INVALID when a duration is none, or the difference is 0
 */
export function sliding(difference: Duration, options: WindowOptions = {}): SlidingWindows {
  return {
    kind: 'sliding',
    differenceMs: atLeastOne(difference, 'sliding window, difference'),
    ...commonOptions(options, 'sliding window'),
  }
}
