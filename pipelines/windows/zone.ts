import { invalid } from '../failure.ts'

/** How far the clocks of a zone are ahead of UTC at a time, in milliseconds. */
export type OffsetAt = (time: number) => number

const DAY = 86_400_000

/**
 * The clocks of a zone, by the time zone data that Node has (Intl).
 *
 * @param zone IANA name: 'Europe/Prague'
 * @throws PIPELINE_INVALID when there is no such zone
 */
export function zoneOffsets(zone: string): OffsetAt {
  if (zone === 'UTC') return () => 0
  const format = formatOf(zone)
  return (time) => {
    const parts = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 }
    for (const { type, value } of format.formatToParts(time)) if (type in parts) parts[type as keyof typeof parts] = Number(value)
    const { year, month, day, hour, minute, second } = parts
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(time / 1000) * 1000
  }
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-u-ca-iso8601-nu-latn', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch {
    throw invalid('(window)', `calendar window, zone: '${timeZone}' is no time zone; write an IANA name such as 'Europe/Prague', or 'UTC'`)
  }
}

/**
 * When the clocks of a zone first show a time, or a later one: where they are put forward over it, that is when they are.
 *
 * @param shown what they show, as if it were UTC
 */
export function firstShown(shown: number, offsetAt: OffsetAt): number {
  // No zone is further from UTC than 15 hours, and none changes its clocks twice in two days.
  const [before, after] = [offsetAt(shown - DAY), offsetAt(shown + DAY)]
  if (before === after) return shown - before
  const changed = changeBetween(shown - DAY, shown + DAY, before, offsetAt)
  return shown - before < changed ? shown - before : Math.max(changed, shown - after)
}

/** The first millisecond that does not have the offset of before. */
function changeBetween(from: number, to: number, before: number, offsetAt: OffsetAt): number {
  let [low, high] = [from, to]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (offsetAt(middle) === before) low = middle
    else high = middle
  }
  return high
}
