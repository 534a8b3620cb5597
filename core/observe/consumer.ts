import { Observable, type Subscriber } from 'rxjs'
import { MoldauError } from '../base/errors.ts'
import type { Consumer } from '../client/consumer.ts'
import { BatchReading, type ObservedBatch } from './batch-reading.ts'

export type { ObservedBatch } from './batch-reading.ts'

export interface ObserveConsumerOptions {
  /** How many batches may be with the subscriber, not yet {@link ObservedBatch.done}; default 16. It bounds memory at any slowness of the subscriber. */
  credit?: number
  /** How long one poll waits for records, in milliseconds, and so how long the end of a subscription may take; default 500. */
  pollMs?: number
}

export interface ObservedConsumer {
  /**
   * The record batches of the consumer, in order per partition. Nothing is read while `credit` batches are out. One subscription at a time:
   * a consumer has one position. Unsubscribing takes positions back to what was not handed out, and the next subscription goes on there.
   * Errors of the consumer come out here; it completes when the consumer is closed.
   */
  readonly batches$: Observable<ObservedBatch>
}

/** What reads a consumer now, or did last. */
interface Turn {
  live: boolean
  /** Never rejects. */
  ended: Promise<void>
}

const turns = new WeakMap<Consumer, Turn>()

/** The RxJS face of a consumer. */
export function observeConsumer(consumer: Consumer, options: ObserveConsumerOptions = {}): ObservedConsumer {
  const { credit = 16, pollMs = 500 } = options
  for (const [name, value] of Object.entries({ credit, pollMs })) {
    if (!Number.isInteger(value) || value < 1)
      throw new MoldauError('INVALID_ARGUMENT', `observe: ${name} must be a whole number of at least 1, not ${value}`)
  }
  const batches$ = new Observable<ObservedBatch>((subscriber) => {
    const before = turns.get(consumer)
    if (before?.live === true) {
      subscriber.error(new MoldauError('INVALID_ARGUMENT', 'observe: batches$ has a subscriber already; share() it to have several'))
      return
    }
    const reading = new BatchReading(consumer, subscriber, { credit, pollMs })
    const turn: Turn = { live: true, ended: Promise.resolve() }
    turns.set(consumer, turn)
    subscriber.add(() => {
      turn.live = false
      reading.stop()
    })
    turn.ended = read(reading, subscriber, turn, before?.ended)
  })
  return { batches$ }
}

async function read(reading: BatchReading, subscriber: Subscriber<ObservedBatch>, turn: Turn, before?: Promise<void>): Promise<void> {
  try {
    // A poll of the subscription before may still run.
    await before
    await reading.run()
  } catch (error) {
    // Whoever is told of the end may subscribe again at once.
    turn.live = false
    if (error instanceof MoldauError && error.code === 'CLOSED') subscriber.complete()
    else subscriber.error(error)
  }
}
