import { MoldauError } from '../../core/base/errors.ts'

/** Of a record that windows cannot take. */
export function withoutTime(time: number): MoldauError {
  return new MoldauError(
    'INVALID_ARGUMENT',
    `a record with the time ${time} belongs to no window; give records a timestamp, or filter them out`,
  )
}
