import { invalid } from '../failure.ts'
import type { EmitStrategy } from '../windows.ts'

export interface CountWindowOptions {
  /** After how many records of a key the next window ends: at most the size; default: the size, so that each record is in one window. */
  advance?: number
  /** `close` (the default): one result per window, with its last record. `update`: the new value at each record. */
  emit?: EmitStrategy
}

/** Windows of so many records of a key. Made by {@link countWindow}. */
export interface CountWindows {
  readonly kind: 'count'
  readonly size: number
  readonly advance: number
  readonly emit: EmitStrategy
}

/**
 * Windows of `size` records of a key, in the order in which they come, whatever their times: a result after every `advance` of them, over the
 * last `size`. Flink's `countWindow(size, slide)`, Storm's windows by count. Kafka Streams has none.
 *
 * Nothing is ever late. A window is given when it is full; what is not full when the input ends is not given. The first ones have fewer
 * records when the advance is less than the size.
 *
 * ```ts
 * .groupByKey().window(countWindow(100)).count()
 * .groupByKey().window(countWindow(100, { advance: 10 })).aggregate(mean)   // of the last 100, after every 10th
 * ```
 *
 * The order is that of the partition: offsets. Behind `keyBy` of a topic with several partitions that of the repartition topic, which does not
 * say which of two partitions was read first.
 *
 * @throws PIPELINE_INVALID when a number is no integer of at least 1, or windows would leave gaps
 */
export function countWindow(size: number, { advance = size, emit = 'close' }: CountWindowOptions = {}): CountWindows {
  for (const [what, n] of Object.entries({ size, advance })) {
    if (!Number.isInteger(n) || n < 1) throw invalid('(window)', `count window, ${what}: ${n} is not a number of records; write 1 or more`)
  }
  if (advance <= size) return { kind: 'count', size, advance, emit }
  throw invalid('(window)', `count window, advance: ${advance} is more than the size, ${size}, so that records would be in no window`)
}
