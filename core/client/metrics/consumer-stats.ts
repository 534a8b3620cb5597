import type { Clock } from '../../base/clock.ts'
import { Sensor } from '../../base/sensor.ts'
import { Fetch } from '../../protocol/messages/fetch.ts'
import { RawBatch } from '../raw-batch.ts'
import type { ConsumerBatch, Isolation } from '../types.ts'
import type { PartitionState } from '../partition-state.ts'
import { ConnectionStats } from './connection-stats.ts'
import type { ConnectionMetricName, NodeMetricName } from './connection-stats.ts'
import { GroupStats, groupTable } from './group-stats.ts'
import type { GroupMetricName } from './group-stats.ts'
import { counted, gauge, readMetrics, spread, summed, within } from './metric.ts'
import type { Metric, MetricTags } from './metric.ts'
import { PartitionLag, partitionTable } from './partition-lag.ts'
import type { PartitionMetricName } from './partition-lag.ts'
import { PollStats, pollTable } from './poll-stats.ts'
import type { PollMetricName } from './poll-stats.ts'
import { MetricsSnapshot } from './snapshot.ts'
import { throttleOf } from '../../cluster/throttle.ts'

/** Topics with numbers of their own; of further ones only the sums are kept. */
const TOPICS_MAX = 1000

/** Of one topic, or of all. */
class Read {
  /** Sum: bytes of keys and values, decompressed, and of raw batches as they are; count: records. */
  readonly records: Sensor

  constructor(now: number) {
    this.records = new Sensor(now)
  }
}

/** What a consumer counts: per request, and per partition of a poll, never per record. */
export class ConsumerStats {
  readonly connections: ConnectionStats
  readonly group: GroupStats
  readonly poll: PollStats
  readonly all: Read
  readonly fetches: Sensor
  readonly fetchSize: Sensor
  readonly throttle: Sensor
  /** Of all partitions; leads are negative, so that the largest is the smallest. */
  readonly lag: Sensor
  readonly lead: Sensor
  readonly #clock: Clock
  readonly #isolation: Isolation
  readonly #topics: Map<string, Read>
  /** Goes with the state: a partition that comes again begins anew. */
  readonly #partitions: WeakMap<PartitionState, PartitionLag>
  /** Whose batches are being handed out: how many records, and their bytes. */
  #turn: PartitionState | undefined
  #records: number
  #bytes: number

  constructor(clock: Clock, isolation: Isolation) {
    const now = clock.monotonic()
    this.group = new GroupStats(now)
    this.poll = new PollStats(now)
    this.all = new Read(now)
    this.fetches = new Sensor(now)
    this.fetchSize = new Sensor(now)
    this.throttle = new Sensor(now)
    this.lag = new Sensor(now)
    this.lead = new Sensor(now)
    this.#clock = clock
    this.#isolation = isolation
    this.#topics = new Map()
    this.#partitions = new WeakMap()
    this.#turn = undefined
    this.#records = 0
    this.#bytes = 0
    this.connections = new ConnectionStats(
      clock,
      (api, latencyMs, bytes, body, at) => {
        if (api.key !== Fetch.key) {
          this.group.answered(api, latencyMs, body, at)
          return
        }
        this.fetches.record(latencyMs, at)
        this.fetchSize.record(bytes, at)
        this.throttle.record(throttleOf(body), at)
      },
      (api, at) => this.group.sent(api, at),
    )
  }

  /** A batch is handed out. Those of one partition are counted together, when others follow or {@link ConsumerStats.handedOut} says so. */
  consumed(state: PartitionState, batch: ConsumerBatch | RawBatch): void {
    if (this.#turn !== state) this.handedOut()
    this.#turn = state
    this.#records += batch.count
    this.#bytes += bytesOf(batch)
  }

  /** All that is handed out for now has been: the positions of the partitions are past it. */
  handedOut(): void {
    const state = this.#turn
    if (state === undefined) return
    const now = this.#clock.monotonic()
    this.all.records.record(this.#bytes, now, this.#records)
    this.#topic(state.topic, now)?.records.record(this.#bytes, now, this.#records)
    const { lag, lead } = PartitionLag.of(state, this.#isolation)
    this.#partition(state, now).record(lag, lead, now)
    if (lag !== undefined) this.lag.record(lag, now)
    if (lead !== undefined) this.lead.record(-lead, now)
    this.#turn = undefined
    this.#records = 0
    this.#bytes = 0
  }

  snapshot(clientId: string, partitions: Iterable<PartitionState>): MetricsSnapshot<ConsumerMetricName> {
    this.handedOut()
    const now = this.#clock.monotonic()
    const tags: MetricTags = { 'client-id': clientId }
    const states = [...partitions]
    this.group.assignedPartitions = states.length
    const metrics: Metric<ConsumerMetricName>[] = [
      ...readMetrics('consumer-metrics', tags, pollTable, this.poll, now),
      ...this.connections.read('consumer', tags, now),
      ...readMetrics('consumer-coordinator-metrics', tags, groupTable, this.group, now),
      ...readMetrics('consumer-fetch-manager-metrics', tags, fetchTable, this, now),
    ]
    for (const [topic, read] of this.#topics)
      metrics.push(...readMetrics('consumer-fetch-manager-metrics', { ...tags, topic }, topicTable, read, now))
    for (const state of states) {
      const { topic, partition } = state
      const place = { ...tags, topic, partition: String(partition) }
      const source = { ...PartitionLag.of(state, this.#isolation), lately: this.#partition(state, now) }
      metrics.push(...readMetrics('consumer-fetch-manager-metrics', place, partitionTable, source, now))
    }
    return new MetricsSnapshot(metrics)
  }

  #topic(topic: string, now: number): Read | undefined {
    let read = this.#topics.get(topic)
    if (read === undefined && this.#topics.size < TOPICS_MAX) this.#topics.set(topic, (read = new Read(now)))
    return read
  }

  #partition(state: PartitionState, now: number): PartitionLag {
    let lag = this.#partitions.get(state)
    if (lag === undefined) this.#partitions.set(state, (lag = new PartitionLag(now)))
    return lag
  }
}

/** A raw batch is not decompressed for it: what it has in the log counts. */
function bytesOf(batch: ConsumerBatch | RawBatch): number {
  if (batch instanceof RawBatch) return batch.bytes.length
  const { columns, from, count } = batch
  return columns.headersStart[from + count - 1]! - columns.keyStart[from]!
}

const topicTable = {
  ...counted('records-consumed', 'records handed out', (s: Read) => s.records),
  ...summed('bytes-consumed', 'bytes of keys and values handed out', (s: Read) => s.records),
}

const fetchTable = {
  ...within(topicTable, (s: ConsumerStats) => s.all),
  'records-per-request-avg': gauge(
    'records handed out for each fetch, on average',
    (s: ConsumerStats, now) => s.all.records.frequency(now) / s.fetches.frequency(now),
  ),
  ...counted('fetch', 'fetches', (s: ConsumerStats) => s.fetches),
  ...spread('fetch-latency', 'time until a fetch was answered, in milliseconds', (s: ConsumerStats) => s.fetches),
  ...spread('fetch-size', 'size of the answers to fetches, in bytes', (s: ConsumerStats) => s.fetchSize),
  ...spread('fetch-throttle-time', 'time for which the broker held the consumer back, in milliseconds', (s: ConsumerStats) => s.throttle),
  'records-lag-max': gauge('largest number of records that a partition was behind by', (s: ConsumerStats, now) => s.lag.max(now)),
  'records-lead-min': gauge(
    'smallest number of records between the beginning of a partition and its position',
    (s: ConsumerStats, now) => -s.lead.max(now),
  ),
}

export type ConsumerMetricName =
  | keyof typeof fetchTable
  | keyof typeof topicTable
  | PartitionMetricName
  | PollMetricName
  | GroupMetricName
  | ConnectionMetricName
  | NodeMetricName
