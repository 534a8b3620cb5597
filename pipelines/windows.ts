import { type Duration, milliseconds } from './duration.ts'
import { invalid } from './failure.ts'

/** A span of event time, start included, end not. Milliseconds since 1970, UTC. */
export interface Window {
  readonly start: number
  readonly end: number
}

/** When a windowed aggregation speaks: once when a window closes, or at every change. */
export type EmitStrategy = 'close' | 'update'

export interface TumblingOptions {
  /** How long after its end a window still takes records, in event time; default 0. */
  grace?: Duration
  /** `close` (the default): one result per key and window, when it closes. `update`: the new value at each record. */
  emit?: EmitStrategy
}

/** Windows of one size, one after the other. Made by {@link tumbling}. */
export interface TumblingWindows {
  readonly kind: 'tumbling'
  readonly sizeMs: number
  readonly graceMs: number
  readonly emit: EmitStrategy
}

/**
 * Windows of event time that follow one another without overlap, aligned to 1970 in UTC.
 *
 * A window closes when the watermark (the least of the times reached by all inputs of the task) passes its end plus `grace`. Records
 * that come later are dropped and counted in the metric `late`.
 *
 * ```ts
 * .groupByKey().window(tumbling('1h', { grace: '10m', emit: 'close' })).count()
 * ```
 *
 * @throws PIPELINE_INVALID when a duration is none, or the size is 0
 */
export function tumbling(size: Duration, options: TumblingOptions = {}): TumblingWindows {
  const sizeMs = milliseconds(size, 'tumbling window, size')
  if (sizeMs === 0) throw invalid('(window)', 'tumbling window, size: must be at least one millisecond')
  return {
    kind: 'tumbling',
    sizeMs,
    graceMs: milliseconds(options.grace ?? 0, 'tumbling window, grace'),
    emit: options.emit ?? 'close',
  }
}

/** Where the window that `timestamp` falls into starts. */
export function windowStart(timestamp: number, sizeMs: number): number {
  return timestamp - (timestamp % sizeMs)
}
