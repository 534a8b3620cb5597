import type { Clock } from '../../base/clock.ts'
import { Sensor } from '../../base/sensor.ts'
import { Produce } from '../../protocol/messages/produce.ts'
import type { PendingBatch } from '../pending-batch.ts'
import { ConnectionStats } from './connection-stats.ts'
import type { ConnectionMetricName, NodeMetricName } from './connection-stats.ts'
import { counted, counter, gauge, readMetrics, spread, summed, within } from './metric.ts'
import type { Metric, MetricTags } from './metric.ts'
import { MetricsSnapshot } from './snapshot.ts'
import { throttleOf } from '../../cluster/throttle.ts'

/** Topics with numbers of their own; of further ones only the sums are kept. */
const TOPICS_MAX = 1000

/** Of one topic, or of all. */
class Written {
  /** Sum: bytes as sent; count: records. */
  readonly records: Sensor
  readonly retries: Sensor
  readonly errors: Sensor
  /** How large batches are sent, as a part of what they hold. */
  readonly compression: Sensor

  constructor(now: number) {
    this.records = new Sensor(now)
    this.retries = new Sensor(now)
    this.errors = new Sensor(now)
    this.compression = new Sensor(now)
  }
}

/** Calls whose time is summed up. */
export const timedCalls = ['flush', 'txn-init', 'txn-send-offsets', 'txn-commit', 'txn-abort'] as const
export type TimedCall = (typeof timedCalls)[number]

/** What a producer counts: per batch and per request, never per record. */
export class ProducerStats {
  readonly connections: ConnectionStats
  readonly all: Written
  readonly batches: Sensor
  readonly queueTime: Sensor
  readonly perRequest: Sensor
  readonly latency: Sensor
  readonly throttle: Sensor
  /** In nanoseconds, as Kafka counts them. */
  readonly times: Record<TimedCall, number>
  readonly #clock: Clock
  readonly #topics: Map<string, Written>
  inFlight: number

  constructor(clock: Clock) {
    const now = clock.monotonic()
    this.all = new Written(now)
    this.batches = new Sensor(now)
    this.queueTime = new Sensor(now)
    this.perRequest = new Sensor(now)
    this.latency = new Sensor(now)
    this.throttle = new Sensor(now)
    this.times = Object.fromEntries(timedCalls.map((call) => [call, 0])) as Record<TimedCall, number>
    this.inFlight = 0
    this.#clock = clock
    this.#topics = new Map()
    this.connections = new ConnectionStats(clock, (api, latencyMs, _bytes, body, at) => {
      if (api.key !== Produce.key) return
      this.latency.record(latencyMs, at)
      this.throttle.record(throttleOf(body), at)
    })
  }

  /** These batches go in one request; those that go again are counted once. */
  sent(batches: readonly PendingBatch[]): void {
    const now = this.#clock.monotonic()
    let records = 0
    for (const batch of batches) {
      const { count } = batch.content
      records += count
      if (batch.attempts > 1) continue
      const bytes = batch.builtBytes
      this.batches.record(bytes, now)
      this.queueTime.record(now - batch.createdAt, now)
      for (const written of this.#of(batch, now)) {
        written.records.record(bytes, now, count)
        written.compression.record(bytes / Math.max(batch.bytes, bytes), now)
      }
    }
    this.perRequest.record(records, now)
  }

  /** The batch goes again. */
  retried(batch: PendingBatch): void {
    const now = this.#clock.monotonic()
    for (const written of this.#of(batch, now)) written.retries.record(batch.content.count, now)
  }

  /** The batch has failed for good. */
  failed(batch: PendingBatch): void {
    const now = this.#clock.monotonic()
    for (const written of this.#of(batch, now)) written.errors.record(batch.content.count, now)
  }

  /** Sums up how long a call takes. */
  async timed<T>(call: TimedCall, work: Promise<T> | T): Promise<T> {
    const from = this.#clock.monotonic()
    try {
      return await work
    } finally {
      this.times[call] += (this.#clock.monotonic() - from) * 1e6
    }
  }

  snapshot(clientId: string, buffer: BufferUse): MetricsSnapshot<ProducerMetricName> {
    const now = this.#clock.monotonic()
    const tags: MetricTags = { 'client-id': clientId }
    const metrics: Metric<ProducerMetricName>[] = [
      ...readMetrics('producer-metrics', tags, producerTable, this, now),
      ...readMetrics('producer-metrics', tags, bufferTable, buffer, now),
      ...this.connections.read('producer', tags, now),
    ]
    for (const [topic, written] of this.#topics)
      metrics.push(...readMetrics('producer-topic-metrics', { ...tags, topic }, topicTable, written, now))
    return new MetricsSnapshot(metrics)
  }

  #of(batch: PendingBatch, now: number): Written[] {
    const { topic } = batch.queue
    let written = this.#topics.get(topic)
    if (written === undefined && this.#topics.size < TOPICS_MAX) this.#topics.set(topic, (written = new Written(now)))
    return written === undefined ? [this.all] : [this.all, written]
  }
}

/** What of the buffer is in use, in bytes. */
export interface BufferUse {
  readonly totalBytes: number
  readonly usedBytes: number
  /** Records and calls that wait for room. */
  readonly waiting: number
}

const writtenTable = {
  ...counted('record-send', 'records sent', (s: Written) => s.records),
  ...summed('record-retry', 'records sent again', (s: Written) => s.retries),
  ...summed('record-error', 'records that failed for good', (s: Written) => s.errors),
}

const topicTable = {
  ...writtenTable,
  ...summed('byte', 'bytes sent', (s: Written) => s.records),
  'compression-rate': gauge('size of batches as sent, as a part of what they hold', (s: Written, now) => s.compression.average(now)),
}

const producerTable = {
  ...within(writtenTable, (s: ProducerStats) => s.all),
  'record-size-avg': gauge('average size of records as sent, in bytes', (s: ProducerStats, now) => s.all.records.average(now)),
  'compression-rate-avg': gauge('size of batches as sent, as a part of what they hold', (s: ProducerStats, now) =>
    s.all.compression.average(now),
  ),
  ...spread('batch-size', 'size of batches as sent, in bytes', (s: ProducerStats) => s.batches),
  ...spread('record-queue-time', 'time that batches wait before they are sent, in milliseconds', (s: ProducerStats) => s.queueTime),
  'records-per-request-avg': gauge('average number of records in a request', (s: ProducerStats, now) => s.perRequest.average(now)),
  ...spread('request-latency', 'time from a produce request to its answer, in milliseconds', (s: ProducerStats) => s.latency),
  ...spread('produce-throttle-time', 'time for which the broker held the producer back, in milliseconds', (s: ProducerStats) => s.throttle),
  'requests-in-flight': gauge('requests without an answer', (s: ProducerStats) => s.inFlight),
  'flush-time-ns-total': counter('time spent in flush(), in nanoseconds', (s: ProducerStats) => s.times.flush),
  'txn-init-time-ns-total': counter('time spent in init(), in nanoseconds', (s: ProducerStats) => s.times['txn-init']),
  'txn-send-offsets-time-ns-total': counter(
    'time spent in sendOffsets(), in nanoseconds',
    (s: ProducerStats) => s.times['txn-send-offsets'],
  ),
  'txn-commit-time-ns-total': counter('time spent in commit(), in nanoseconds', (s: ProducerStats) => s.times['txn-commit']),
  'txn-abort-time-ns-total': counter('time spent in abort(), in nanoseconds', (s: ProducerStats) => s.times['txn-abort']),
}

const bufferTable = {
  'buffer-total-bytes': gauge('what may wait for acknowledgement, in bytes', (s: BufferUse) => s.totalBytes),
  'buffer-available-bytes': gauge('what may still be appended, in bytes', (s: BufferUse) => Math.max(0, s.totalBytes - s.usedBytes)),
  'waiting-threads': gauge('calls that wait for room in the buffer', (s: BufferUse) => s.waiting),
}

export type ProducerMetricName =
  | keyof typeof producerTable
  | keyof typeof bufferTable
  | keyof typeof topicTable
  | ConnectionMetricName
  | NodeMetricName
