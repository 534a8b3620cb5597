import { map as rxMap } from 'rxjs'
import { withValue } from '../record.ts'
import { type OperatorOptions, type SafeOperator, safe } from './safe.ts'

/** A record of the same kind with another type of value. */
export type WithValue<R, V> = Omit<R, 'value'> & { readonly value: V }

/**
 * Replaces the value of each record; key, time, headers and position stay, so that `groupByKey` is still possible after it.
 *
 * ```ts
 * .pipe(mapValues((flight) => flight.delay))
 * ```
 *
 * @param project gets the value and the whole record; throwing fails the epoch with OPERATOR_FAILED naming the record
 */
export function mapValues<R extends { readonly value: unknown }, V>(
  project: (value: R['value'], record: R) => V,
  options: OperatorOptions = {},
): SafeOperator<R, WithValue<R, V>> {
  return safe(
    { kind: 'mapValues', apply: project, onError: options.onError },
    rxMap((record: R) => withValue(record, project(record.value, record)) as WithValue<R, V>),
  )
}
