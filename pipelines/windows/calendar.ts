import { invalid } from '../failure.ts'
import { commonOptions, type EmitStrategy, type WindowOptions } from '../windows.ts'
import type { Places } from './places.ts'
import { firstShown, type OffsetAt, zoneOffsets } from './zone.ts'

const units = ['day', 'week', 'month', 'year'] as const

/** What a calendar window lasts. Weeks begin on Monday (ISO 8601). */
export type CalendarUnit = (typeof units)[number]

export interface CalendarOptions extends WindowOptions {
  /** IANA name of the zone whose days they are, e.g. 'Europe/Prague'; default 'UTC'. */
  zone?: string
}

/** Days, weeks, months or years of a time zone. Made by {@link calendar}. */
export interface CalendarWindows {
  readonly kind: 'calendar'
  readonly unit: CalendarUnit
  readonly zone: string
  /** How far the zone's clocks are ahead of UTC at a time, in milliseconds. */
  readonly offsetAt: OffsetAt
  readonly graceMs: number
  readonly emit: EmitStrategy
}

/**
 * Windows of event time as a calendar has them: days, weeks (from Monday), months or years, in the time of a zone. They follow one another without
 * gaps; a day on which the clocks change has 23 or 25 hours. They close as tumbling windows do.
 *
 * ```ts
 * .groupByKey().window(calendar('day', { zone: 'Europe/Prague', grace: '1h' })).count()
 * ```
 *
 * Kafka Streams has none; its users write a `Windows` of their own.
 *
 * @throws PIPELINE_INVALID when there is no such unit or zone, or grace is no duration
 */
export function calendar(unit: CalendarUnit, options: CalendarOptions = {}): CalendarWindows {
  if (!units.includes(unit)) throw invalid('(window)', `calendar window: '${String(unit)}' is none of ${units.join(', ')}`)
  const { zone = 'UTC' } = options
  return { kind: 'calendar', unit, zone, offsetAt: zoneOffsets(zone), ...commonOptions(options, 'calendar window') }
}

interface Span {
  readonly start: number
  readonly end: number
}

/** Where the windows of a calendar are, by the clocks of its zone. */
export function calendarPlaces(unit: CalendarUnit, offsetAt: OffsetAt): Places {
  // Records are near each other, and so are the ends that are asked for: one memory for each.
  const spanOfRecord = remembering((time) => spanAt(unit, time, offsetAt))
  const spanOfEnd = remembering((time) => spanAt(unit, time, offsetAt))
  const startOf = (time: number): number => spanOfRecord(time).start
  const endOf = (start: number): number => spanOfRecord(start).end
  return { first: startOf, last: startOf, next: endOf, end: endOf, endedBy: (time) => spanOfEnd(time).start - 1 }
}

function remembering(spanOf: (time: number) => Span): (time: number) => Span {
  let span: Span = { start: 0, end: 0 }
  return (time) => {
    if (time < span.start || time >= span.end) span = spanOf(time)
    return span
  }
}

/** The window that a time falls into. */
function spanAt(unit: CalendarUnit, time: number, offsetAt: OffsetAt): Span {
  let first = beginOf(unit, time + offsetAt(time))
  let start = firstShown(first, offsetAt)
  for (;;) {
    const following = nextOf(unit, first)
    const end = firstShown(following, offsetAt)
    // Where clocks are put back over midnight they show the old day again: that is part of the new one, which has begun.
    if (time < end) return { start, end }
    first = following
    start = end
  }
}

/** The beginning of the day, week, month or year, of times as clocks show them. */
function beginOf(unit: CalendarUnit, shown: number): number {
  const date = new Date(shown)
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()]
  if (unit === 'year') return Date.UTC(year, 0, 1)
  if (unit === 'month') return Date.UTC(year, month, 1)
  return Date.UTC(year, month, unit === 'day' ? day : day - ((date.getUTCDay() + 6) % 7))
}

function nextOf(unit: CalendarUnit, begin: number): number {
  const date = new Date(begin)
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()]
  if (unit === 'year') return Date.UTC(year + 1, 0, 1)
  if (unit === 'month') return Date.UTC(year, month + 1, 1)
  return Date.UTC(year, month, day + (unit === 'day' ? 1 : 7))
}
