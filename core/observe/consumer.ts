import { asyncScheduler, map, Observable, takeUntil, timer } from 'rxjs'
import type { SchedulerLike, Subscriber } from 'rxjs'
import { MoldauError } from '../base/errors.ts'
import type { RecordSerdes } from '../client/consumer-records.ts'
import type { Consumer } from '../client/consumer.ts'
import type { ConsumerMetricName } from '../client/metrics/consumer-stats.ts'
import type { MetricsSnapshot } from '../client/metrics/snapshot.ts'
import type { RebalanceListener, TopicPartition } from '../client/types.ts'
import { BatchReading, wholeBatch, type HandOut, type ObservedBatch } from './batch-reading.ts'
import { closedEvent, failuresOf } from './client-events.ts'
import { lagOf, type ObservedLag } from './consumer-lag.ts'
import { oneByOne, type ObservedRecord } from './observed-record.ts'
import { checkOptionNames, type ObservedError } from './polled.ts'
import { shared } from './shared.ts'

export type { ObservedBatch } from './batch-reading.ts'
export type { ObservedLag } from './consumer-lag.ts'
export type { ObservedRecord } from './observed-record.ts'

export interface ObserveConsumerOptions<K = Buffer, V = Buffer> extends RecordSerdes<K, V> {
  /** How many batches may be with the subscriber, not yet {@link ObservedBatch.done}; default 16. It bounds memory at any slowness of the subscriber. */
  credit?: number
  /** How long one poll waits for records, in milliseconds, and so how long the end of a subscription may take; default 500. */
  pollMs?: number
  /** From one look at lag and metrics to the next, in milliseconds; default 1000. */
  intervalMs?: number
  /** Whose time that is; default RxJS's asyncScheduler. */
  scheduler?: SchedulerLike
  /** Awaited when partitions come, are given up or are lost, as long as somebody has subscribed to `assignments$`. */
  listener?: RebalanceListener
}

const optionNames = {
  key: true,
  value: true,
  credit: true,
  pollMs: true,
  intervalMs: true,
  scheduler: true,
  listener: true,
} satisfies Record<keyof ObserveConsumerOptions, true>

/** Who reads what from now on, and what has brought that about. */
export interface ObservedAssignment {
  /** `now` is what a subscriber begins with. */
  readonly change: 'now' | 'assigned' | 'revoked' | 'lost'
  /** What came or went. */
  readonly partitions: readonly TopicPartition[]
  /** All that the consumer has after it. */
  readonly assignment: readonly TopicPartition[]
}

export interface ObservedConsumer<K = Buffer, V = Buffer> {
  /**
   * The record batches of the consumer, in order per partition. Nothing is read while `credit` batches are out. One subscription at a time, of
   * this or of `records$`: a consumer has one position. Unsubscribing takes positions back to what was not handed out, and the next subscription
   * goes on there. Errors of the consumer come out here; it completes when the consumer is closed.
   */
  readonly batches$: Observable<ObservedBatch>
  /** The same, record by record. The credit of a batch comes back when all its records are {@link ObservedRecord.done}. */
  readonly records$: Observable<ObservedRecord<K, V>>
  /** What the consumer has, then each change of it, when the listeners are through with it. */
  readonly assignments$: Observable<ObservedAssignment>
  /** How far it is behind in each partition, by its last fetches, looked at every `intervalMs`: asks nobody. */
  readonly lag$: Observable<readonly ObservedLag[]>
  /** All metrics, every `intervalMs`. */
  readonly metrics$: Observable<MetricsSnapshot<ConsumerMetricName>>
  /** What poll() and commit() throw, and automatic commits that failed, from now on. */
  readonly errors$: Observable<ObservedError>
}

/** What reads a consumer now, or did last. */
interface Turn {
  live: boolean
  /** Never rejects. */
  ended: Promise<void>
}

const turns = new WeakMap<Consumer, Turn>()

/** The RxJS face of a consumer. */
export function observeConsumer<K = Buffer, V = Buffer>(
  consumer: Consumer,
  options: ObserveConsumerOptions<K, V> = {},
): ObservedConsumer<K, V> {
  checkOptionNames('consumer', options, Object.keys(optionNames))
  const { credit = 16, pollMs = 500, intervalMs = 1000, scheduler = asyncScheduler } = options
  for (const [name, value] of Object.entries({ credit, pollMs, intervalMs })) {
    if (!Number.isInteger(value) || value < 1)
      throw new MoldauError('INVALID_ARGUMENT', `observe: ${name} must be a whole number of at least 1, not ${value}`)
  }
  const closed$ = closedEvent(consumer)
  const ticks$ = timer(0, intervalMs, scheduler).pipe(takeUntil(closed$))
  return {
    batches$: reading(consumer, wholeBatch, { credit, pollMs }),
    records$: reading(consumer, oneByOne(options), { credit, pollMs }),
    assignments$: assignmentsOf(consumer, options.listener).pipe(takeUntil(closed$), shared()),
    lag$: lagOf(consumer, ticks$).pipe(shared()),
    metrics$: ticks$.pipe(
      map(() => consumer.metrics()),
      shared(),
    ),
    errors$: failuresOf(consumer).pipe(takeUntil(closed$)),
  }
}

function assignmentsOf(consumer: Consumer, listener: RebalanceListener | undefined): Observable<ObservedAssignment> {
  return new Observable((subscriber) => {
    if (listener !== undefined) subscriber.add(consumer.addRebalanceListener(listener))
    let now = new Map<string, TopicPartition>()
    const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}-${partition}`
    const tell = (change: ObservedAssignment['change'], partitions: readonly TopicPartition[]): void => {
      // A rebalance that brings nothing is none for this consumer.
      if (change !== 'now' && partitions.length === 0) return
      for (const tp of partitions) {
        if (change === 'assigned' || change === 'now') now.set(keyOf(tp), tp)
        else now.delete(keyOf(tp))
      }
      now = new Map(now)
      subscriber.next({ change, partitions, assignment: [...now.values()] })
    }
    for (const change of ['assigned', 'revoked', 'lost'] as const)
      subscriber.add(consumer.events.on(change, ({ partitions }) => tell(change, partitions)))
    tell('now', consumer.assignment())
  })
}

function reading<T>(consumer: Consumer, handOut: HandOut<T>, options: { credit: number; pollMs: number }): Observable<T> {
  return new Observable<T>((subscriber) => {
    if (consumer.commitsByItself) {
      const remedy = 'leave it out, and commit(batch) before done()'
      const message = `observe: with enableAutoCommit the next poll commits batches that the subscriber still has: ${remedy}`
      subscriber.error(new MoldauError('INVALID_CONFIG', message))
      return
    }
    const before = turns.get(consumer)
    if (before?.live === true) {
      subscriber.error(
        new MoldauError('INVALID_ARGUMENT', 'observe: the consumer is read by a subscriber already; share() it to have several'),
      )
      return
    }
    const batches = new BatchReading<T>(consumer, subscriber, handOut, options)
    const turn: Turn = { live: true, ended: Promise.resolve() }
    turns.set(consumer, turn)
    subscriber.add(() => {
      turn.live = false
      batches.stop()
    })
    turn.ended = read(batches, subscriber, turn, before?.ended)
  })
}

async function read<T>(batches: BatchReading<T>, subscriber: Subscriber<T>, turn: Turn, before?: Promise<void>): Promise<void> {
  try {
    // A poll of the subscription before may still run.
    await before
    await batches.run()
  } catch (error) {
    // Whoever is told of the end may subscribe again at once.
    turn.live = false
    if (error instanceof MoldauError && error.code === 'CLOSED') subscriber.complete()
    else subscriber.error(error)
  }
}
