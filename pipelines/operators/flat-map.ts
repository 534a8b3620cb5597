import { concatMap } from 'rxjs'
import { type OperatorOptions, type SafeOperator, safe } from './safe.ts'

/**
 * Makes none, one or several of each record, in the order of the array.
 *
 * ```ts
 * .pipe(flatMap((r) => r.value.split(' ').map((word) => ({ key: word, value: 1 }))))
 * ```
 *
 * For something that waits use `concatMap` or `mapAsync`.
 *
 * @param project returns an array; throwing fails the epoch with OPERATOR_FAILED naming the record
 */
export function flatMap<T, R>(project: (item: T) => readonly R[], options: OperatorOptions = {}): SafeOperator<T, R> {
  return safe(
    { kind: 'flatMap', apply: project, onError: options.onError },
    concatMap((item: T) => project(item)),
  )
}
