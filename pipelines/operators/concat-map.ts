import { type ObservableInput, type ObservedValueOf, concatMap as rxConcatMap } from 'rxjs'
import { type OperatorOptions, type SafeOperator, safe } from './safe.ts'

/**
 * Runs something asynchronous for each record, one after the other, and passes on all it gives: a promise, an array, an Observable
 * that completes. The next record waits until the one before has completed; the epoch waits for all.
 *
 * ```ts
 * .pipe(concatMap(async (r) => ({ key: r.key, value: await lookup(r.value) })))
 * ```
 *
 * Several at a time: `mapAsync`. One that never completes ends the pipeline with OPERATOR_UNSAFE after `watchdogMs`.
 */
export function concatMap<T, O extends ObservableInput<unknown>>(
  project: (item: T) => O,
  options: OperatorOptions = {},
): SafeOperator<T, ObservedValueOf<O>> {
  return safe(
    { kind: 'concatMap', apply: project, onError: options.onError },
    rxConcatMap((item: T) => project(item)),
  )
}
