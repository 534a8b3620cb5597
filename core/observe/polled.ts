import { isDeepStrictEqual } from 'node:util'

import { asyncScheduler, catchError, defer, distinctUntilChanged, EMPTY, exhaustMap, takeUntil, timer } from 'rxjs'
import type { Observable, SchedulerLike } from 'rxjs'

import { MoldauError, messageOf } from '../base/errors.ts'
import { suggestionOf } from '../client/suggestion.ts'

export interface PollOptions {
  /** From one look to the next, in milliseconds; default 1000. A look that takes longer is waited for, and none is made up for. */
  intervalMs?: number
  /** Whose time it is; default RxJS's asyncScheduler. */
  scheduler?: SchedulerLike
}

/** Something that went wrong and ended nothing. */
export interface ObservedError {
  /** What was looked at, and what came of it. */
  readonly message: string
  readonly cause: unknown
}

export interface PollSource<T> {
  /** Names what is looked at, for errors. */
  readonly what: string
  read(): Promise<T>
  /** Emits when the end has come. */
  readonly closed$: Observable<unknown>
  onError(error: ObservedError): void
}

export const pollOptionNames = ['intervalMs', 'scheduler'] as const satisfies readonly (keyof PollOptions)[]

/** @throws MoldauError INVALID_ARGUMENT naming an option that does not exist, with the nearest that does */
export function checkOptionNames(what: string, options: object, names: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !names.includes(name))
  if (unknown === undefined) return
  const hint = names.length === 0 ? ': there is none' : suggestionOf(unknown, names)
  throw new MoldauError('INVALID_ARGUMENT', `observe(${what}): there is no option '${unknown}'${hint}`)
}

/** @throws MoldauError INVALID_ARGUMENT */
export function checkInterval({ intervalMs }: PollOptions): void {
  if (intervalMs === undefined || (Number.isInteger(intervalMs) && intervalMs >= 1)) return
  throw new MoldauError('INVALID_ARGUMENT', `observe: intervalMs must be a whole number of at least 1, not ${intervalMs}`)
}

/**
 * State that has to be asked for, at once and then again and again: what is first seen, then what differs from before. A look that fails is
 * told as an error, and the next one is made.
 */
export function polled<T>(source: PollSource<T>, { intervalMs = 1000, scheduler = asyncScheduler }: PollOptions): Observable<T> {
  const look = defer(() => source.read()).pipe(
    catchError((cause: unknown) => {
      source.onError({ message: `${source.what}: ${messageOf(cause)}`, cause })
      return EMPTY
    }),
  )
  return timer(0, intervalMs, scheduler).pipe(
    exhaustMap(() => look),
    takeUntil(source.closed$),
    distinctUntilChanged<T>(isDeepStrictEqual),
  )
}
