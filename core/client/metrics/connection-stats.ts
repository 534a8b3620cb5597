import type { Clock } from '../../base/clock.ts'
import { Sensor } from '../../base/sensor.ts'
import type { ConnectionsWatcher } from '../../cluster/connections-watcher.ts'
import type { Api } from '../../protocol/api.ts'
import { counted, gauge, readMetrics, spread, summed } from './metric.ts'
import type { Metric, MetricTags } from './metric.ts'

/** Brokers with numbers of their own; of further ones only the sums are kept. */
const NODES_MAX = 1000

/** Of one broker, or of all. */
class Traffic {
  readonly requests: Sensor
  readonly responses: Sensor
  readonly latency: Sensor

  constructor(now: number) {
    this.requests = new Sensor(now)
    this.responses = new Sensor(now)
    this.latency = new Sensor(now)
  }
}

/** What is told of each answer, by whom it concerns. */
export type OnAnswer = (api: Api, latencyMs: number, bytes: number, body: unknown, now: number) => void
export type OnSent = (api: Api, now: number) => void

/** Counts connections, and what goes over them, for one producer, consumer or client. Costs a few additions per request. */
export class ConnectionStats implements ConnectionsWatcher {
  readonly created: Sensor
  readonly ended: Sensor
  readonly all: Traffic
  readonly nodes: Map<number, Traffic>
  open: number
  readonly #clock: Clock
  readonly #onAnswer: OnAnswer | undefined
  readonly #onSent: OnSent | undefined

  constructor(clock: Clock, onAnswer?: OnAnswer, onSent?: OnSent) {
    const now = clock.monotonic()
    this.created = new Sensor(now)
    this.ended = new Sensor(now)
    this.all = new Traffic(now)
    this.nodes = new Map()
    this.open = 0
    this.#clock = clock
    this.#onAnswer = onAnswer
    this.#onSent = onSent
  }

  opened(_node: number): void {
    this.open++
    this.created.record(1, this.#clock.monotonic())
  }

  closed(_node: number): void {
    this.open--
    this.ended.record(1, this.#clock.monotonic())
  }

  sent(node: number, api: Api, bytes: number): void {
    const now = this.#clock.monotonic()
    this.all.requests.record(bytes, now)
    this.#node(node, now)?.requests.record(bytes, now)
    this.#onSent?.(api, now)
  }

  answered(node: number, api: Api, latencyMs: number, bytes: number, body: unknown): void {
    const now = this.#clock.monotonic()
    this.all.responses.record(bytes, now)
    this.all.latency.record(latencyMs, now)
    const traffic = this.#node(node, now)
    traffic?.responses.record(bytes, now)
    traffic?.latency.record(latencyMs, now)
    this.#onAnswer?.(api, latencyMs, bytes, body, now)
  }

  /** @param kind `producer`, `consumer`, `admin-client` */
  read(kind: string, tags: MetricTags, now: number): Metric<ConnectionMetricName | NodeMetricName>[] {
    const metrics: Metric<ConnectionMetricName | NodeMetricName>[] = readMetrics(`${kind}-metrics`, tags, connectionTable, this, now)
    for (const [node, traffic] of this.nodes)
      metrics.push(...readMetrics(`${kind}-node-metrics`, { ...tags, 'node-id': `node-${node}` }, nodeTable, traffic, now))
    return metrics
  }

  #node(node: number, now: number): Traffic | undefined {
    let traffic = this.nodes.get(node)
    if (traffic === undefined && this.nodes.size < NODES_MAX) this.nodes.set(node, (traffic = new Traffic(now)))
    return traffic
  }
}

const connectionTable = {
  ...counted('connection-creation', 'new connections', (s: ConnectionStats) => s.created),
  ...counted('connection-close', 'connections that ended', (s: ConnectionStats) => s.ended),
  'connection-count': gauge('connections that are open', (s: ConnectionStats) => s.open),
  ...counted('request', 'requests', (s: ConnectionStats) => s.all.requests),
  ...spread('request-size', 'size of requests, in bytes', (s: ConnectionStats) => s.all.requests),
  ...counted('response', 'answers', (s: ConnectionStats) => s.all.responses),
  ...summed('outgoing-byte', 'bytes of requests', (s: ConnectionStats) => s.all.requests),
  ...summed('incoming-byte', 'bytes of answers', (s: ConnectionStats) => s.all.responses),
}
export type ConnectionMetricName = keyof typeof connectionTable

const nodeTable = {
  ...counted('request', 'requests to the broker', (s: Traffic) => s.requests),
  ...spread('request-size', 'size of requests, in bytes', (s: Traffic) => s.requests),
  ...counted('response', 'answers of the broker', (s: Traffic) => s.responses),
  ...spread('request-latency', 'time from a request to its answer, in milliseconds', (s: Traffic) => s.latency),
  ...summed('outgoing-byte', 'bytes of requests', (s: Traffic) => s.requests),
  ...summed('incoming-byte', 'bytes of answers', (s: Traffic) => s.responses),
}
export type NodeMetricName = keyof typeof nodeTable
