import { firstWindowStart, type TimeWindows } from '../windows.ts'
import { type CalendarWindows, calendarPlaces } from './calendar.ts'

/** Windows at places that time alone tells, the same ones for all keys. */
export type FixedWindows = TimeWindows | CalendarWindows

/** Where the windows are: all times are milliseconds since 1970. */
export interface Places {
  /** Where the first and the last window start that a time falls into. */
  first(time: number): number
  last(time: number): number
  /** From the start of one window to that of the next. */
  next(start: number): number
  /** The end of the window that starts there. */
  end(start: number): number
  /** Windows that start at or before this have ended when it is `time`. */
  endedBy(time: number): number
}

/** For one task: a calendar remembers what it has looked up. */
export function placesOf(windows: FixedWindows): Places {
  if (windows.kind === 'calendar') return calendarPlaces(windows.unit, windows.offsetAt)
  const { sizeMs, advanceMs } = windows
  return {
    first: (time) => firstWindowStart(time, windows),
    last: (time) => time - (time % advanceMs),
    next: (start) => start + advanceMs,
    end: (start) => start + sizeMs,
    endedBy: (time) => time - sizeMs,
  }
}
