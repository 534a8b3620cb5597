import type { Observable, ObservableInput, OperatorFunction } from 'rxjs'
import type { CallPolicy } from '../calls/options.ts'
import type { OnError } from '../errors/on-error.ts'

/** A step without state that the runner fuses with its neighbours into one loop. */
export type Step = StepOf & { readonly onError?: OnError | undefined }

type StepOf =
  | { readonly kind: 'map'; readonly apply: (item: never) => unknown; readonly keepsValue?: true }
  | { readonly kind: 'mapValues'; readonly apply: (value: never, record: never) => unknown }
  | { readonly kind: 'filter'; readonly apply: (item: never) => boolean }
  | { readonly kind: 'tap'; readonly apply: (item: never) => void }
  | { readonly kind: 'flatMap'; readonly apply: (item: never) => readonly unknown[] }

/** A step that waits: its results come later in the same epoch. */
export type AsyncStep = AsyncStepOf & { readonly onError?: OnError | undefined }

type AsyncStepOf =
  | { readonly kind: 'concatMap'; readonly apply: (item: never) => ObservableInput<unknown> }
  | {
      readonly kind: 'mapAsync'
      readonly apply: (item: never, call: never) => Promise<unknown>
      readonly concurrency: number
      readonly order: Order
      readonly policy: CallPolicy
    }

/** Which results keep the order of their inputs: those of one key, all, or none. */
export type Order = 'key' | 'all' | 'none'

/** What every operator may be told. */
export interface OperatorOptions {
  /** What becomes of a record for which it throws; default: as the pipeline says. */
  onError?: OnError
}

export type OperatorSpec = Step | AsyncStep

const brand = 'moldau: .pipe(…) takes operators of moldau/pipelines; any other RxJS operator goes into .perEpoch(…)'

/**
 * An ordinary RxJS operator that is known to mean the same whether the stream is cut into epochs or not.
 * The name of its brand is the remedy that the compiler prints when a bare RxJS operator stands in `.pipe`.
 */
export interface SafeOperator<T, R> {
  (source: Observable<T>): Observable<R>
  readonly 'moldau: .pipe(…) takes operators of moldau/pipelines; any other RxJS operator goes into .perEpoch(…)': OperatorSpec
}

export function safe<T, R>(spec: OperatorSpec, operator: OperatorFunction<T, R>): SafeOperator<T, R> {
  return Object.assign((source: Observable<T>) => operator(source), { [brand]: spec } as const)
}

/** What a safe operator is made of; undefined when the value carries no brand (a caller without types). */
export function specOf(operator: unknown): OperatorSpec | undefined {
  if (typeof operator !== 'function' || !(brand in operator)) return undefined
  return operator[brand] as OperatorSpec
}
