import { MoldauError } from '../core/base/errors.ts'

/** Milliseconds, or a number with its unit: `'250ms'`, `'10s'`, `'5m'`, `'1h'`, `'7d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

/** Of each unit, the smallest first. */
export const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * A duration in milliseconds.
 *
 * @param what the setting's name, for the message
 * @throws PIPELINE_INVALID when it is no duration, or negative
 */
export function milliseconds(duration: Duration, what: string): number {
  const match = typeof duration === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(duration) : null
  const value = match ? Number(match[1]) * unitMs[match[2]!]! : duration
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    throw new MoldauError('PIPELINE_INVALID', `${what}: '${duration}' is not a duration; write milliseconds or '10s', '5m', '1h', '7d'`)
  }
  return Math.round(value)
}
