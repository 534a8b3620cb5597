import { filter } from './filter.ts'
import type { OperatorOptions, SafeOperator } from './safe.ts'

/**
 * Keeps the records for which the predicate is false. Kafka Streams' `filterNot`; else as {@link filter}.
 *
 * ```ts
 * .pipe(filterNot((r) => r.value.cancelled))
 * ```
 *
 * @param predicate throwing fails the epoch with OPERATOR_FAILED naming the record
 */
export function filterNot<T>(predicate: (item: T) => boolean, options: OperatorOptions = {}): SafeOperator<T, T> {
  return filter((item: T) => !predicate(item), options)
}
