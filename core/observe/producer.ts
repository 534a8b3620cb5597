import { asyncScheduler, map, takeUntil, timer } from 'rxjs'
import type { Observable } from 'rxjs'
import type { ProducerMetricName } from '../client/metrics/producer-stats.ts'
import type { MetricsSnapshot } from '../client/metrics/snapshot.ts'
import type { Producer } from '../client/producer.ts'
import { closedEvent, failuresOf } from './client-events.ts'
import type { ObservedError, PollOptions } from './polled.ts'
import { shared } from './shared.ts'

export interface ObservedProducer {
  /** All metrics, every `intervalMs`; completes when the producer is closed. */
  readonly metrics$: Observable<MetricsSnapshot<ProducerMetricName>>
  /** Batches that were not written, from now on. */
  readonly errors$: Observable<ObservedError>
}

/** The RxJS face of a producer. */
export function observeProducer(producer: Producer, { intervalMs = 1000, scheduler = asyncScheduler }: PollOptions): ObservedProducer {
  const closed$ = closedEvent(producer)
  return {
    metrics$: timer(0, intervalMs, scheduler).pipe(
      takeUntil(closed$),
      map(() => producer.metrics()),
      shared(),
    ),
    errors$: failuresOf(producer).pipe(takeUntil(closed$)),
  }
}
