import { Observable } from 'rxjs'
import { AsyncRing } from './async-ring.ts'
import { type OperatorOptions, type Order, type SafeOperator, safe } from './safe.ts'

export interface MapAsyncOptions extends OperatorOptions {
  /** How many calls may be under way at a time, per task; default 16. */
  concurrency?: number
  /** Which results keep the order of their inputs: those of one `key` (the default), `all`, or `none`. */
  order?: Order
}

/**
 * Maps each record by something asynchronous, several at a time: beyond the partition count, with results of one key in order.
 * The epoch waits for all calls, and a failed call names its record. Unlike RxJS's `mergeMap` its queue is a ring, so that a long
 * epoch stays fast.
 *
 * ```ts
 * .pipe(mapAsync(async (r) => ({ key: r.key, value: await geocode(r.value) }), { concurrency: 32 }))
 * ```
 *
 * @param project rejecting fails the epoch with OPERATOR_FAILED naming the record; calls are repeated when an epoch is run again
 */
export function mapAsync<T, R>(project: (item: T) => Promise<R>, options: MapAsyncOptions = {}): SafeOperator<T, R> {
  const { concurrency = 16, order = 'key', onError } = options
  return safe(
    { kind: 'mapAsync', apply: project, concurrency, order, onError },
    (source) =>
      new Observable<R>((subscriber) => {
        let completed = false
        const ring = new AsyncRing<T, R>({
          concurrency,
          order,
          run: project,
          emit: (result) => subscriber.next(result),
          fail: (error) => subscriber.error(error),
          idle: () => {
            if (completed) subscriber.complete()
          },
        })
        const subscription = source.subscribe({
          next: (item) => ring.push(item),
          error: (error: unknown) => subscriber.error(error),
          complete: () => {
            completed = true
            if (ring.size === 0) subscriber.complete()
          },
        })
        return () => {
          ring.clear()
          subscription.unsubscribe()
        }
      }),
  )
}
