import { MoldauError, messageOf } from '../core/base/errors.ts'
import { nameOf, type Origin } from './record.ts'

/** Where in a declaration something happens: `pipeline "delays", filter #1`. */
export interface Place {
  readonly pipeline: string
  /** Kind and number of the operator, or its given name. */
  readonly operator: string
}

/** Code of the user threw: names pipeline, operator, record and remedy. */
export function operatorFailed(place: Place, origin: Origin, cause: unknown): MoldauError {
  return failedAt(place, nameOf(origin), cause)
}

/** As {@link operatorFailed}, when only a range of records is known. */
export function failedAt(place: Place, records: string, cause: unknown): MoldauError {
  if (cause instanceof MoldauError && (cause.code === 'OPERATOR_FAILED' || cause.code === 'OPERATOR_UNSAFE')) return cause
  return new MoldauError(
    'OPERATOR_FAILED',
    `pipeline "${place.pipeline}", ${place.operator}: ${messageOf(cause)} (at ${records}); nothing of this epoch was committed. ` +
      'Catch the error inside the operator, or filter the record out before it',
    { cause },
  )
}

/** An operator broke the rules of an epoch. */
export function operatorUnsafe(place: Place, what: string, remedy: string): MoldauError {
  return new MoldauError(
    'OPERATOR_UNSAFE',
    `pipeline "${place.pipeline}", ${place.operator}: ${what}; nothing of this epoch was committed. ${remedy}`,
  )
}

/** The declaration of a pipeline cannot be run. */
export function invalid(pipeline: string, what: string): MoldauError {
  return new MoldauError('PIPELINE_INVALID', `pipeline "${pipeline}": ${what}`)
}

/** Streams come together that begin with different pipelines. */
export function differentNames(what: string, name: string, other: string): Error {
  return invalid(name, `${what} takes streams of one pipeline, not of "${other}" too: begin them with the same pipeline(name)`)
}
