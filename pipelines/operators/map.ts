import { map as rxMap } from 'rxjs'
import { type OperatorOptions, type SafeOperator, safe } from './safe.ts'

/**
 * Makes something else of each record. What is to be written to a topic has `key` and `value`; without `timestamp` it keeps the time
 * of the record it was made from.
 *
 * ```ts
 * .pipe(map((r) => ({ key: r.value.origin, value: r.value.delay })))
 * ```
 *
 * The key may have changed afterwards, so `groupByKey` is not possible after it: use {@link mapValues}, or `keyBy`.
 *
 * @param project called once per record, in order; throwing fails the epoch with OPERATOR_FAILED naming the record
 */
export function map<T, R>(project: (item: T) => R, options: OperatorOptions = {}): SafeOperator<T, R> {
  return safe(
    { kind: 'map', apply: project, onError: options.onError },
    rxMap((item: T) => project(item)),
  )
}
