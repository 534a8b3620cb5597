import type { Kind } from './settings.ts'
import type { OffsetReset, OffsetSpec } from './types.ts'

const BY_DURATION = 'by_duration:'

/** Of ISO 8601, what `java.time.Duration` reads: days of 24 hours, hours, minutes, seconds with a fraction. */
const DURATION = /^P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,9})?)S)?)?$/i

/** Milliseconds of an ISO 8601 duration such as `PT1H30M` or `P7D`; undefined when it is none, or negative. */
export function durationMs(text: string): number | undefined {
  const match = DURATION.exec(text)
  if (match === null || text.length < 3) return undefined
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0)) as [number, number, number, number]
  return ((days * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1000
}

/** The option `auto.offset.reset`, by duration too (KIP-1106). */
export const offsetReset: Kind<OffsetReset> = {
  what: `one of earliest, latest, none, by_duration:PT1H, or { byDurationMs: 3_600_000 }`,
  read(value) {
    if (value === 'earliest' || value === 'latest' || value === 'none') return value
    if (typeof value === 'string' && value.startsWith(BY_DURATION)) {
      return durationMs(value.slice(BY_DURATION.length)) === undefined ? undefined : (value as OffsetReset)
    }
    const ms: unknown = typeof value === 'object' && value !== null ? (value as { byDurationMs?: unknown }).byDurationMs : undefined
    return typeof ms === 'number' && Number.isFinite(ms) && ms >= 0 ? { byDurationMs: ms } : undefined
  },
}

/** The place that a policy means at `now` (milliseconds since 1970); undefined when it means none. */
export function placeOf(reset: OffsetReset, now: number): Exclude<OffsetSpec, number> | undefined {
  if (reset === 'none') return undefined
  if (reset === 'earliest' || reset === 'latest') return reset
  const ms = typeof reset === 'string' ? durationMs(reset.slice(BY_DURATION.length))! : reset.byDurationMs
  return { timestamp: Math.max(0, Math.floor(now - ms)) }
}
