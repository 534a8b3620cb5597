import { MoldauError } from '../base/errors.ts'
import { Cluster } from '../cluster/cluster.ts'
import { parseAddresses } from '../cluster/address.ts'
import type { Connectable } from '../cluster/address.ts'
import { tcpDialer } from '../net/dialer.ts'
import type { Failure } from './client-events.ts'
import type { ConsumerMetricName } from './metrics/consumer-stats.ts'
import type { ProducerMetricName } from './metrics/producer-stats.ts'
import { ConnectionStats } from './metrics/connection-stats.ts'
import { MetricsSnapshot } from './metrics/snapshot.ts'
import { AdminCalls } from './admin/calls.ts'
import { Admin } from './admin.ts'
import { connectTarget, options as optionsObject, timeout } from './arguments.ts'
import { check } from './checks.ts'
import { Consumer } from './consumer.ts'
import { defaultLogger } from './default-logger.ts'
import { readClientOptions } from './read-client-options.ts'
import type { ClientOptions, ReadClientOptions } from './client-options.ts'
import type { ConsumerOptions } from './consumer-options.ts'
import type { ProducerOptions } from './producer-options.ts'
import { Telemetry } from './telemetry/telemetry.ts'
import { Producer } from './producer.ts'

export type ClientMetricName = ProducerMetricName | ConsumerMetricName

/** A program's access to one cluster: makes producers and consumers, which share what is known of the cluster. Made by `connect`. */
export class Client {
  readonly admin: Admin
  readonly #cluster: Cluster
  readonly #clientId: string
  readonly #stats: ConnectionStats
  readonly #open: Set<Producer | Consumer>
  readonly #telemetry: Telemetry
  readonly #made: { producer: number; consumer: number }
  readonly #closed: PromiseWithResolvers<void>
  #closing: boolean

  private constructor(cluster: Cluster, { clientId, defaultApiTimeoutMs, enableMetricsPush }: ReadClientOptions, stats: ConnectionStats) {
    this.admin = new Admin(new AdminCalls(cluster, defaultApiTimeoutMs))
    this.#cluster = cluster
    this.#clientId = clientId
    this.#stats = stats
    this.#made = { producer: 0, consumer: 0 }
    this.#telemetry = new Telemetry({ cluster, metrics: () => this.metrics(), enabled: enableMetricsPush })
    this.#open = new Set()
    this.#closed = Promise.withResolvers()
    this.#closing = false
  }

  /** What `connect` does once this file is loaded. */
  static async connect(target: string | readonly string[] | Connectable, options: ClientOptions): Promise<Client> {
    check('connect()', 'target', target, connectTarget)
    check('connect()', 'options', options, optionsObject)
    const read = readClientOptions(options)
    const connectable = typeof target === 'string' || !('dialer' in target) ? undefined : target
    const addresses = parseAddresses(connectable === undefined ? (target as string | readonly string[]) : connectable.bootstrap)
    const dialer = read.dialer ?? connectable?.dialer ?? tcpDialer({ resolver: read.resolver })
    const logger = read.logger ?? (await defaultLogger())
    const watcher = new ConnectionStats(read.clock)
    return new Client(await Cluster.connect({ ...read, logger, dialer, bootstrap: addresses, watcher }), read, watcher)
  }

  /** Resolves when {@link Client.close} is called. */
  get closed(): Promise<void> {
    return this.#closed.promise
  }

  get clusterId(): string {
    return this.#cluster.clusterId
  }

  /** @throws MoldauError CLOSED; INVALID_CONFIG naming an option that does not exist or contradicts another */
  producer(options: ProducerOptions = {}): Producer {
    this.#refuseWhenClosed()
    check('client.producer()', 'options', options, optionsObject)
    const producer: Producer = new Producer(this.#cluster, options, this.#nameOf('producer'), () => this.#left(producer))
    this.#open.add(producer)
    return producer
  }

  /** @throws MoldauError CLOSED, INVALID_CONFIG */
  consumer(options: ConsumerOptions = {}): Consumer {
    this.#refuseWhenClosed()
    check('client.consumer()', 'options', options, optionsObject)
    const consumer: Consumer = new Consumer(this.#cluster, options, this.#nameOf('consumer'), () => this.#left(consumer))
    this.#open.add(consumer)
    return consumer
  }

  /** What goes wrong with brokers, from now on; everything goes on. Returns the way to stop listening. */
  onIncident(listener: (failure: Failure) => void): () => void {
    return this.#cluster.incidents.events.on('error', listener)
  }

  /**
   * What this client and its open producers and consumers measure, under Kafka's names. Their `client-id` is that of the client with a number:
   * `moldau-producer-1`.
   */
  metrics(): MetricsSnapshot<ClientMetricName> {
    const own = this.#stats.read('admin-client', { 'client-id': this.#clientId }, this.#cluster.clock.monotonic())
    return new MetricsSnapshot<ClientMetricName>([...own, ...[...this.#open].flatMap((one) => [...one.metrics()])])
  }

  /**
   * The id under which the cluster knows this client's metrics (KIP-714).
   *
   * @param timeoutMs how long to wait for it, default 30 s
   * @throws MoldauError INVALID_CONFIG when `enableMetricsPush` is false, TIMEOUT, UNSUPPORTED_VERSION when the cluster collects no metrics
   */
  async clientInstanceId(timeoutMs?: number): Promise<string> {
    this.#refuseWhenClosed()
    if (timeoutMs !== undefined) check('client.clientInstanceId()', 'timeoutMs', timeoutMs, timeout)
    return this.#telemetry.clientInstanceId(timeoutMs ?? this.#cluster.requestTimeoutMs)
  }

  #refuseWhenClosed(): void {
    if (this.#closing) throw new MoldauError('CLOSED', 'the client is closed: connect() again')
  }

  #left(one: Producer | Consumer): void {
    this.#telemetry.keep(one)
    this.#open.delete(one)
  }

  #nameOf(kind: 'producer' | 'consumer'): string {
    return `${this.#clientId}-${kind}-${++this.#made[kind]}`
  }

  /** Closes every producer (after what it has under way) and consumer, then all connections. */
  async close(): Promise<void> {
    this.#closing = true
    this.#closed.resolve()
    await Promise.allSettled([...this.#open].map((one) => one.close()))
    await this.#telemetry.close()
    this.#cluster.close()
  }
}
