import { EventHub } from '../base/event-hub.ts'
import type { Clock } from '../base/clock.ts'
import { batchFailure } from './client-events.ts'
import type { ProducerEvents } from './client-events.ts'
import { ProducerStats } from './metrics/producer-stats.ts'
import type { BufferUse, ProducerMetricName, TimedCall } from './metrics/producer-stats.ts'
import type { MetricsSnapshot } from './metrics/snapshot.ts'
import type { PendingBatch } from './pending-batch.ts'

/** What a producer shows of itself: metrics and events. */
export class ProducerView {
  readonly events: EventHub<ProducerEvents>
  readonly stats: ProducerStats
  readonly #name: string

  /** @param name the `client-id` of its metrics */
  constructor(clock: Clock, name: string) {
    this.events = new EventHub()
    this.stats = new ProducerStats(clock)
    this.#name = name
  }

  /** A batch has failed for good. */
  failed(batch: PendingBatch, error: Error): void {
    this.stats.failed(batch)
    this.events.emit('error', batchFailure(batch, error))
  }

  /** Sums up how long a call takes. */
  timed<T>(call: TimedCall, work: Promise<T> | T): Promise<T> {
    return this.stats.timed(call, work)
  }

  metrics(buffer: BufferUse): MetricsSnapshot<ProducerMetricName> {
    return this.stats.snapshot(this.#name, buffer)
  }
}
