import { MoldauError } from '../../core/base/errors.ts'
import { operatorFailed, type Place } from '../failure.ts'
import type { Origin } from '../record.ts'

/** @throws OPERATOR_FAILED for a record without a key: where would it belong? */
export function keyOf(item: unknown, origin: Origin, place: Place): unknown {
  const key = (item as { key?: unknown } | null | undefined)?.key
  if (key !== null && key !== undefined) return key
  const cause = new MoldauError(
    'INVALID_ARGUMENT',
    'a record without a key cannot be grouped; filter such records out, or give them one with keyBy',
  )
  throw operatorFailed(place, origin, cause)
}
