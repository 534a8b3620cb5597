import { MoldauError, messageOf } from '../core/base/errors.ts'
import { nameOf, type Origin } from './record.ts'

/** Where in a declaration something happens: `pipeline "delays", filter #1`. */
export interface Place {
  readonly pipeline: string
  /** Kind and number of the operator, or its given name. */
  readonly operator: string
}

/** Code of the user threw, and for which record. */
export class OperatorFailed extends MoldauError {
  /** As messages name it. */
  readonly operator: string
  readonly origin: Origin
  /** False when the error may be of a record that came before. */
  readonly exact: boolean

  constructor(
    operator: string,
    origin: Origin,
    exact: boolean,
    message: string,
    cause: unknown,
    code: 'OPERATOR_FAILED' | 'SERDE_FAILED' = 'OPERATOR_FAILED',
  ) {
    super(code, message, { cause })
    this.operator = operator
    this.origin = origin
    this.exact = exact
  }

  /** The same, when the record is only the last of those that it may be. */
  inexact(): OperatorFailed {
    return new OperatorFailed(this.operator, this.origin, false, this.message, this.cause)
  }

  /** The same, of a record that is known now. */
  at(origin: Origin): OperatorFailed {
    return new OperatorFailed(this.operator, origin, true, this.message, this.cause)
  }
}

/** Code of the user threw: names pipeline, operator, record and remedy. */
export function operatorFailed(place: Place, origin: Origin, cause: unknown): MoldauError {
  return failed(place, origin, true, nameOf(origin), cause)
}

/** As {@link operatorFailed}, when only a range of records is known: the last one, and how messages name them. */
export function failedBefore(place: Place, last: Origin, records: string, cause: unknown): MoldauError {
  return failed(place, last, false, records, cause)
}

/** Of what a record's own bytes are to blame for, when it is written; any other error is that of the writing. */
const recordCodes = new Set(['SERDE_FAILED', 'RECORD_TOO_LARGE', 'INVALID_ARGUMENT'])

/** As {@link operatorFailed}, where a record is written: what is not the record's fault stays what it is. */
export function writeFailed(place: Place, origin: Origin, cause: unknown): MoldauError {
  if (cause instanceof MoldauError && !recordCodes.has(cause.code)) return cause
  return operatorFailed(place, origin, cause)
}

function failed(place: Place, origin: Origin, exact: boolean, records: string, cause: unknown): MoldauError {
  if (cause instanceof MoldauError && (cause.code === 'OPERATOR_FAILED' || cause.code === 'OPERATOR_UNSAFE')) return cause
  return new OperatorFailed(
    place.operator,
    origin,
    exact,
    `pipeline "${place.pipeline}", ${place.operator}: ${messageOf(cause)} (at ${records}); nothing of this epoch was committed. ` +
      "Catch the error inside the operator, filter the record out before it, or run with onError: 'dead-letter'",
    cause,
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
