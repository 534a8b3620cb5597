import { ReplaySubject, share, type MonoTypeOperatorFunction } from 'rxjs'

/**
 * What all state has in common: the source is watched once for all subscribers, from the first to the last; who comes later gets the latest
 * value at once; who comes when it has ended gets only the end.
 */
export function shared<T>(): MonoTypeOperatorFunction<T> {
  return share({ connector: () => new ReplaySubject<T>(1), resetOnComplete: true, resetOnError: true, resetOnRefCountZero: true })
}
