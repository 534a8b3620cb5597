import { Observable } from 'rxjs'
import { systemClock } from '../../core/base/clock.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { systemRandom } from '../../core/base/uuid.ts'
import { Call, type CallContext } from '../calls/call.ts'
import { CallSite } from '../calls/call-site.ts'
import { type CallOptions, readCallOptions } from '../calls/options.ts'
import { AsyncRing } from './async-ring.ts'
import { type OperatorOptions, type Order, type SafeOperator, safe } from './safe.ts'

export interface MapAsyncOptions extends OperatorOptions, CallOptions {
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
 * .pipe(mapAsync(async (r, { signal }) => ({ key: r.key, value: await geocode(r.value, signal) }), {
 *   concurrency: 32, timeout: '2s', retry: 5, circuitBreaker: true,
 * }))
 * ```
 *
 * @param project gets the record and the call: an AbortSignal, and the number of the attempt. What it rejects with after the last attempt goes
 * to `onError`, and fails the epoch with OPERATOR_FAILED naming the record unless that says otherwise. Calls are repeated when an epoch is run
 * again: they are at least once
 * @throws INVALID_ARGUMENT for an option
 */
export function mapAsync<T, R>(project: (item: T, call: CallContext) => Promise<R>, options: MapAsyncOptions = {}): SafeOperator<T, R> {
  const { concurrency = 16, order = 'key', onError } = options
  const policy = readCallOptions(options)
  if (!(concurrency >= 1)) throw new MoldauError('INVALID_ARGUMENT', `mapAsync: concurrency is at least 1, not ${String(concurrency)}`)
  if (order !== 'key' && order !== 'all' && order !== 'none') {
    throw new MoldauError('INVALID_ARGUMENT', `mapAsync: order is 'key', 'all' or 'none', not '${String(order)}'`)
  }
  return safe(
    { kind: 'mapAsync', apply: project, concurrency, order, policy, onError },
    (source) =>
      new Observable<R>((subscriber) => {
        const site = new CallSite('mapAsync', policy, systemClock, systemRandom)
        let completed = false
        const ring = new AsyncRing<T, R>({
          concurrency,
          order,
          run: (item, settled) => new Call(site, (call) => project(item, call), settled),
          emit: (result) => subscriber.next(result),
          fail: (error) => {
            subscriber.error(error)
            return false
          },
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
          ring.clear(new MoldauError('ABORTED', 'nobody listens any more'))
          subscription.unsubscribe()
        }
      }),
  )
}
