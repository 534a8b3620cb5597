import { Observable } from 'rxjs'
import { MoldauError } from '../base/errors.ts'
import type { Consumer } from '../client/consumer.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import type { ConsumerBatch } from '../client/types.ts'

/** A batch that was handed to a subscriber; {@link ObservedBatch.done} gives its credit back. */
export interface ObservedBatch extends ConsumerBatch {
  /** Says that the batch is dealt with. Calling it again does nothing. */
  done(): void
}

export interface ObserveConsumerOptions {
  /** How many batches may be with the subscriber, not yet {@link ObservedBatch.done}; default 16. It bounds memory at any slowness of the subscriber. */
  credit?: number
  /** How long one poll waits for records, in milliseconds; default 500. */
  pollMs?: number
}

export interface ObservedConsumer {
  /**
   * The record batches of the consumer, in order per partition. Nothing is read while `credit` batches are out.
   * One subscription at a time: a consumer has one position. Unsubscribing stops reading and keeps the positions.
   */
  readonly batches$: Observable<ObservedBatch>
}

/**
 * The RxJS face of a consumer.
 *
 * ```ts
 * observe(consumer, { credit: 8 }).batches$
 *   .pipe(concatMap(async (batch) => { await store(batch); batch.done() }))
 *   .subscribe()
 * ```
 */
export function observeConsumer(consumer: Consumer, options: ObserveConsumerOptions = {}): ObservedConsumer {
  const credit = options.credit ?? 16
  const pollMs = options.pollMs ?? 500
  if (!Number.isInteger(credit) || credit < 1) {
    throw new MoldauError('INVALID_ARGUMENT', `observe: credit must be a whole number of at least 1, not ${credit}`)
  }
  let subscribed = false
  const batches$ = new Observable<ObservedBatch>((subscriber) => {
    if (subscribed) {
      subscriber.error(new MoldauError('INVALID_ARGUMENT', 'observe: batches$ has a subscriber already; share() it to have several'))
      return
    }
    subscribed = true
    let out = 0
    let wake: (() => void) | undefined
    const giveBack = () => {
      out--
      wake?.()
    }
    const loop = async () => {
      while (!subscriber.closed) {
        const unread = new Map<string, ConsumerBatch>()
        for (const batch of await consumer.poll(pollMs)) {
          while (out >= credit && !subscriber.closed) await new Promise<void>((resolve) => (wake = resolve))
          if (!subscriber.closed) {
            out++
            subscriber.next({ ...batch, done: once(giveBack) })
          } else if (!unread.has(tpKey(batch))) unread.set(tpKey(batch), batch)
        }
        // What was polled and not handed out is read again by the next subscriber.
        for (const batch of unread.values()) consumer.seek(batch, batch.firstOffset)
      }
    }
    loop()
      .catch((error: unknown) => subscriber.error(error))
      .finally(() => (subscribed = false))
    return () => wake?.()
  })
  return { batches$ }
}

function once(run: () => void): () => void {
  let called = false
  return () => {
    if (called) return
    called = true
    run()
  }
}
