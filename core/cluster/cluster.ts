import { sleep } from '../base/clock.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { MoldauError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import { kafkaError } from '../protocol/errors.ts'
import { addressText, canonicalAddresses } from './address.ts'
import type { Address } from './address.ts'
import { AnyBroker } from './any-broker.ts'
import { clusterDefaults } from './cluster-options.ts'
import type { ClusterOptions } from './cluster-options.ts'
import { BrokerConnection } from './connection.ts'
import { Connections } from './connections.ts'
import { BOOTSTRAP_NODE, watched } from './connections-watcher.ts'
import type { ConnectionsWatcher } from './connections-watcher.ts'
import { Incidents } from './incidents.ts'
import { Coordinators } from './coordinators.ts'
import { withLeaders } from './leader-news.ts'
import type { NodeEndpoint, ToldLeader } from './leader-news.ts'
import { isTransientTopicError } from './metadata.ts'
import type { ClusterImage, TopicInfo } from './metadata.ts'
import { MetadataSource } from './metadata-source.ts'
import { Reconnects } from './reconnects.ts'
import { retry } from './retry.ts'
import type { RetryOptions, RetryPolicy } from './retry.ts'
import { TopicsOfInterest } from './topics-of-interest.ts'

/** How often old things are looked for, in milliseconds. */
const UPKEEP_MS_MIN = 50
const UPKEEP_MS_MAX = 60_000

/** What a client, a link or a mirror needs of a cluster: who leads what, who coordinates whom, and connections to them. */
export class Cluster {
  readonly policy: RetryPolicy
  readonly clock: Clock
  readonly logger: Logger
  readonly coordinators: Coordinators
  /** What goes wrong with brokers: said in the log, and to whoever listens. */
  readonly incidents: Incidents
  readonly #options: Required<Omit<ClusterOptions, 'sasl' | 'watcher'>> & Pick<ClusterOptions, 'sasl' | 'watcher'>
  readonly #metadata: TopicsOfInterest
  readonly #groups: Set<Connections>
  readonly #control: Connections
  readonly #reconnects: Reconnects
  readonly #any: AnyBroker
  #upkeep: Timer | undefined
  #features: ReadonlyMap<string, number>
  #closed: boolean

  private constructor(options: ClusterOptions) {
    this.#options = { ...clusterDefaults, ...options }
    const { clock, random, retryBackoffMs, retryBackoffMaxMs, bootstrap } = this.#options
    this.policy = { clock, random, retryBackoffMs, retryBackoffMaxMs }
    this.clock = clock
    this.logger = this.#options.logger
    this.incidents = new Incidents(clock, this.logger)
    this.#metadata = new TopicsOfInterest((body) => source.ask(body), clock, this.#options.metadataMaxIdleMs)
    this.#groups = new Set()
    this.#control = this.connections()
    this.#reconnects = new Reconnects(this.#options)
    this.#any = new AnyBroker({
      image: () => this.image,
      bootstrap,
      strategy: this.#options.metadataRecoveryStrategy,
      control: this.#control,
      reconnects: this.#reconnects,
      random,
      dial: (address) => this.#dial(address, BOOTSTRAP_NODE, this.#options.watcher),
      isClosed: () => this.#closed,
    })
    const source = new MetadataSource({
      any: this.#any,
      clock,
      logger: this.logger,
      triggerMs: this.#options.metadataRecoveryRebootstrapTriggerMs,
      image: () => this.image,
      reset: () => this.#metadata.reset(),
    })
    this.coordinators = new Coordinators(this)
    this.#upkeep = undefined
    this.#features = new Map()
    this.#closed = false
    this.#keepUp()
  }

  /**
   * Finds the cluster behind one of the addresses.
   *
   * @throws MoldauError CONNECTION_REFUSED naming every address that was tried
   */
  static async connect(options: ClusterOptions): Promise<Cluster> {
    const { clientDnsLookup, resolver = clusterDefaults.resolver, bootstrap } = options
    const isCanonical = clientDnsLookup === 'resolve_canonical_bootstrap_servers_only'
    const cluster = new Cluster(isCanonical ? { ...options, bootstrap: await canonicalAddresses(resolver, bootstrap) } : options)
    const what = 'connect'
    try {
      await cluster.retry({ what, timeoutMs: cluster.#options.bootstrapTimeoutMs }, () => cluster.#metadata.refresh())
    } catch (error) {
      cluster.close()
      throw error instanceof MoldauError && error.code === 'TIMEOUT' && error.cause instanceof MoldauError ? error.cause : error
    }
    return cluster
  }

  get image(): ClusterImage {
    return this.#metadata.image
  }

  get clusterId(): string {
    return this.image.clusterId
  }

  get requestTimeoutMs(): number {
    return this.#options.requestTimeoutMs
  }

  get metadataMaxAgeMs(): number {
    return this.#options.metadataMaxAgeMs
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Whether transactions follow KIP-890 part 2: partitions join a transaction by being written to, and each end bumps the epoch. */
  get transactionVersion(): number {
    return this.#features.get('transaction.version') ?? 0
  }

  /** A set of connections of one's own, closed with the cluster or by the owner. */
  connections(watcher: ConnectionsWatcher | undefined = this.#options.watcher): Connections {
    const group = new Connections((node) => this.#dialNode(node, watcher))
    this.#groups.add(group)
    return group
  }

  /** Closes a set from {@link Cluster.connections}. */
  release(group: Connections): void {
    group.close()
    this.#groups.delete(group)
  }

  /** The connection for short questions to one broker. */
  node(node: number): Promise<BrokerConnection> {
    return this.#control.get(node)
  }

  /** A connection to any broker: the one with the least under way, or a new one. */
  any(): Promise<BrokerConnection> {
    return this.#any.connection()
  }

  /** The broker that creates and deletes topics. */
  controller(): Promise<BrokerConnection> {
    const { controllerId, brokers } = this.image
    return brokers.has(controllerId) ? this.node(controllerId) : this.any()
  }

  retry<T>(options: RetryOptions, attempt: () => Promise<T>): Promise<T> {
    const stopped = (): Error | undefined => (this.#closed ? closedError() : options.stopped?.())
    return retry(this.policy, { ...options, stopped }, attempt)
  }

  /** Asks for the metadata of all topics of interest, and `names`. Joined with what others ask for. */
  refresh(names: Iterable<string> = []): Promise<void> {
    return this.#metadata.refresh(names)
  }

  /** Takes over at once what an answer to Produce or Fetch says about leaders (KIP-951). Returns whether any of it was news. */
  leadersTold(leaders: readonly ToldLeader[], endpoints: readonly NodeEndpoint[]): boolean {
    const before = this.image
    this.#metadata.amend(withLeaders(before, leaders, endpoints))
    return this.image !== before
  }

  onMetadata(handler: () => void): () => void {
    return this.#metadata.onChange(handler)
  }

  /** Refreshes in the background when the last answer is older than `metadata.max.age.ms`. */
  refreshIfOld(): void {
    if (this.#metadata.ageMs > this.#options.metadataMaxAgeMs) this.#metadata.refresh().catch(() => {})
  }

  /**
   * What is known of a topic; asks when nothing is, and then creates it where the broker does such things and `create` says so.
   *
   * @throws MoldauError UNKNOWN_TOPIC naming the topic
   */
  async topic(name: string, create = true): Promise<TopicInfo> {
    this.refreshIfOld()
    this.#metadata.use(name)
    const known = this.image.topics.get(name)
    if (known !== undefined) return known
    const what = `find topic '${name}'`
    try {
      return await this.retry({ what, timeoutMs: this.#options.unknownTopicTimeoutMs }, () => this.#findTopic(name, create))
    } catch (error) {
      if (!this.image.topics.has(name)) this.#metadata.forget(name)
      const last = error instanceof MoldauError && error.code === 'TIMEOUT' ? error.cause : error
      throw last instanceof MoldauError && last.code === 'UNKNOWN_TOPIC' ? last : error
    }
  }

  /** Who leads a partition now; -1 when nobody is known to. */
  leader(topic: string, partition: number): number {
    this.#metadata.use(topic)
    return this.image.topics.get(topic)?.partitions[partition]?.leader ?? -1
  }

  close(): void {
    this.#closed = true
    for (const group of this.#groups) group.close()
    this.#any.close()
    this.#upkeep?.cancel()
  }

  async #findTopic(name: string, create: boolean): Promise<TopicInfo> {
    await this.#metadata.refresh([name], create)
    const found = this.image.topics.get(name)
    if (found !== undefined) return found
    const error = this.image.errors.get(name) ?? 'UNKNOWN_TOPIC_OR_PARTITION'
    if (!isTransientTopicError(error)) throw kafkaError(error as Parameters<typeof kafkaError>[0], `topic '${name}'`)
    throw new MoldauError(
      'UNKNOWN_TOPIC',
      `topic '${name}' does not exist: create it, or allow the broker to (auto.create.topics.enable)`,
      { retriable: true },
    )
  }

  async #dialNode(node: number, watcher: ConnectionsWatcher | undefined): Promise<BrokerConnection> {
    const broker = this.image.brokers.get(node) ?? this.coordinators.address(node)
    if (broker === undefined)
      throw new MoldauError('CONNECTION_LOST', `broker ${node} is not part of the cluster any more`, { retriable: true })
    return this.#dial(broker, node, watcher)
  }

  async #dial(address: Address, node: number, watcher: ConnectionsWatcher | undefined): Promise<BrokerConnection> {
    const { dialer, clientId, requestTimeoutMs, clock, sasl } = this.#options
    const text = addressText(address)
    const pause = this.#reconnects.pauseMs(text)
    if (pause > 0) await sleep(clock, pause)
    if (this.#closed) throw closedError()
    const setupTimeoutMs = this.#reconnects.setupTimeoutMs(text)
    let connection: BrokerConnection
    try {
      const transport = await dialer.dial(address.host, address.port, setupTimeoutMs)
      const told = watched(node, text, watcher, this.incidents)
      const options = { clientId, requestTimeoutMs, setupTimeoutMs, clock, sasl, watcher: told }
      connection = await BrokerConnection.open(text, transport, options)
    } catch (error) {
      this.#reconnects.failed(text)
      if (!this.#closed) this.incidents.unreachable(text, error)
      throw error
    }
    this.#reconnects.succeeded(text)
    this.incidents.reached(text)
    watcher?.opened(node)
    connection.onClose((error) => {
      watcher?.closed(node)
      if (!connection.closedHere && !this.#closed) this.incidents.lost(text, error)
    })
    if (connection.features.size > 0) this.#features = connection.features
    return connection
  }

  /** Now and then: closes connections that nobody uses, and asks for metadata that has become old. */
  #keepUp(): void {
    const { connectionsMaxIdleMs, metadataMaxAgeMs, clock } = this.#options
    const everyMs = Math.min(UPKEEP_MS_MAX, Math.max(UPKEEP_MS_MIN, Math.min(connectionsMaxIdleMs, metadataMaxAgeMs) / 4))
    this.#upkeep = clock.after(everyMs, () => {
      for (const group of this.#groups) group.closeIdle(connectionsMaxIdleMs)
      this.#any.closeIdle(connectionsMaxIdleMs)
      this.refreshIfOld()
      this.#keepUp()
    })
    this.#upkeep.unref?.()
  }
}

function closedError(): MoldauError {
  return new MoldauError('CLOSED', 'the client is closed: connect again')
}
