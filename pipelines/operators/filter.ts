import { filter as rxFilter } from 'rxjs'
import { type OperatorOptions, type SafeOperator, safe } from './safe.ts'

export function filter<T, S extends T>(predicate: (item: T) => item is S, options?: OperatorOptions): SafeOperator<T, S>
export function filter<T>(predicate: (item: T) => boolean, options?: OperatorOptions): SafeOperator<T, T>
/**
 * Lets pass what the predicate is true for; a type guard narrows the type. What it holds back is counted in the metric `filtered`.
 *
 * ```ts
 * .pipe(filter((r) => r.value.delay > 15))
 * ```
 *
 * @param predicate throwing fails the epoch with OPERATOR_FAILED naming the record
 */
export function filter<T>(predicate: (item: T) => boolean, options: OperatorOptions = {}): SafeOperator<T, T> {
  return safe(
    { kind: 'filter', apply: predicate, onError: options.onError },
    rxFilter((item: T) => predicate(item)),
  )
}
