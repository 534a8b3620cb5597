import { type Duration, milliseconds } from './duration.ts'
import { invalid } from './failure.ts'

/** A span of event time, start included, end not. Milliseconds since 1970, UTC. */
export interface Window {
  readonly start: number
  readonly end: number
}

/** When a windowed aggregation speaks: once when a window closes, or at every change. */
export type EmitStrategy = 'close' | 'update'

export interface WindowOptions {
  /** How long after its end a window still takes records, in event time; default 0. */
  grace?: Duration
  /** `close` (the default): one result per key and window, when it closes. `update`: the new value at each record. */
  emit?: EmitStrategy
}

export interface HoppingOptions extends WindowOptions {
  /** How long after one window the next one starts: at most the size. */
  advance: Duration
}

/** Windows of one size that start at regular times. Made by {@link tumbling} and {@link hopping}. */
export interface TimeWindows {
  readonly kind: 'tumbling' | 'hopping'
  readonly sizeMs: number
  /** From the start of one to the start of the next: the size when they do not overlap. */
  readonly advanceMs: number
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
export function tumbling(size: Duration, options: WindowOptions = {}): TimeWindows {
  const sizeMs = atLeastOne(size, 'tumbling window, size')
  return { kind: 'tumbling', sizeMs, advanceMs: sizeMs, ...commonOptions(options, 'tumbling window') }
}

/**
 * Windows of event time that overlap: one starts every `advance`, aligned to 1970 in UTC, and a record belongs to each that it falls into.
 * Kafka Streams' `TimeWindows.advanceBy`. They close as {@link tumbling} windows do; a record counts as late when all of its windows have closed.
 *
 * ```ts
 * .groupByKey().window(hopping('1h', { advance: '10m', grace: '10m' })).count()
 * ```
 *
 * @throws PIPELINE_INVALID when a duration is none or 0, or windows would leave gaps
 */
export function hopping(size: Duration, options: HoppingOptions): TimeWindows {
  const sizeMs = atLeastOne(size, 'hopping window, size')
  const advanceMs = atLeastOne(options.advance, 'hopping window, advance')
  if (advanceMs <= sizeMs) return { kind: 'hopping', sizeMs, advanceMs, ...commonOptions(options, 'hopping window') }
  throw invalid(
    '(window)',
    `hopping window, advance: ${advanceMs} ms is more than the size, ${sizeMs} ms, so that records would be in no window`,
  )
}

/** Where the first window that `timestamp` falls into starts; the others follow every `advanceMs`, up to the timestamp. */
export function firstWindowStart(timestamp: number, { sizeMs, advanceMs }: TimeWindows): number {
  // Starts are multiples of the advance, greater than timestamp - size, and not before 1970: as in Kafka Streams.
  return Math.max(0, Math.floor((timestamp - sizeMs) / advanceMs) + 1) * advanceMs
}

/** @throws PIPELINE_INVALID when it is no duration, or 0 */
export function atLeastOne(given: Duration, what: string): number {
  const ms = milliseconds(given, what)
  if (ms === 0) throw invalid('(window)', `${what}: must be at least one millisecond`)
  return ms
}

/** What windows of every kind may be told. */
export function commonOptions({ grace = 0, emit = 'close' }: WindowOptions, what: string): { graceMs: number; emit: EmitStrategy } {
  return { graceMs: milliseconds(grace, `${what}, grace`), emit }
}

export interface JoinWindowOptions {
  /** How much older a record of the other stream may be; default: the difference. */
  before?: Duration
  /** How much younger a record of the other stream may be; default: the difference. */
  after?: Duration
  /** How long after that a record still finds others, in event time; default 0. */
  grace?: Duration
}

/** How far apart records that are joined may be. Made by {@link within}. */
export interface JoinWindows {
  readonly kind: 'within'
  readonly beforeMs: number
  readonly afterMs: number
  readonly graceMs: number
}

/**
 * How far apart the records of two streams may be in event time, to be joined. Kafka Streams' `JoinWindows.ofTimeDifferenceAndGrace`.
 *
 * ```ts
 * impressions.join(clicks, (impression, click) => ({ ...impression, ...click }), within('10m', { before: 0, grace: '1m' }))
 * ```
 *
 * @param difference between their times, in either direction
 * @throws PIPELINE_INVALID when a duration is none
 */
export function within(difference: Duration, options: JoinWindowOptions = {}): JoinWindows {
  const { before = difference, after = difference, grace = 0 } = options
  return {
    kind: 'within',
    beforeMs: milliseconds(before, 'within, before'),
    afterMs: milliseconds(after, 'within, after'),
    graceMs: milliseconds(grace, 'within, grace'),
  }
}

/** Windows that last as long as records of a key come one after the other. Made by {@link session}. */
export interface SessionWindows<E extends EmitStrategy = EmitStrategy> {
  readonly kind: 'session'
  readonly gapMs: number
  readonly graceMs: number
  readonly emit: E
}

/**
 * Windows of event time that end when a key has had no record for `gap`: each key has its own. The window goes from its first record to its last
 * one (its `end` is the time of that), and a record that comes between two sessions makes them one. Kafka Streams' `SessionWindows`.
 *
 * A session closes when the watermark passes its end plus `gap` plus `grace`; a record that would be in no open one then is late.
 *
 * ```ts
 * .groupByKey().window(session('30m', { grace: '5m' })).count()
 * ```
 *
 * @param gap records that are further apart are in different sessions
 * @throws PIPELINE_INVALID when a duration is none, or the gap is 0
 */
export function session(gap: Duration, options?: WindowOptions & { emit?: 'close' }): SessionWindows<'close'>
export function session(gap: Duration, options: WindowOptions): SessionWindows
export function session(gap: Duration, options: WindowOptions = {}): SessionWindows {
  return { kind: 'session', gapMs: atLeastOne(gap, 'session, gap'), ...commonOptions(options, 'session') }
}
