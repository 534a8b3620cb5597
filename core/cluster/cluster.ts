import { systemClock } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { messageOf, MoldauError } from '../base/errors.ts'
import { silentLogger } from '../base/logger.ts'
import type { Logger } from '../base/logger.ts'
import { systemRandom } from '../base/uuid.ts'
import type { RandomBytes } from '../base/uuid.ts'
import type { Dialer } from '../net/dialer.ts'
import type { SaslOptions } from '../security/sasl-client.ts'
import { kafkaError } from '../protocol/errors.ts'
import { Metadata } from '../protocol/messages/metadata.ts'
import { addressText } from './address.ts'
import type { Address } from './address.ts'
import { BrokerConnection } from './connection.ts'
import { Connections } from './connections.ts'
import { BOOTSTRAP_NODE, watched } from './connections-watcher.ts'
import type { ConnectionsWatcher } from './connections-watcher.ts'
import { Incidents } from './incidents.ts'
import { Coordinators } from './coordinators.ts'
import { isTransientTopicError } from './metadata.ts'
import type { ClusterImage, TopicInfo } from './metadata.ts'
import { isRetriableError, retry } from './retry.ts'
import type { RetryOptions, RetryPolicy } from './retry.ts'
import { TopicsOfInterest } from './topics-of-interest.ts'

export interface ClusterOptions {
  dialer: Dialer
  bootstrap: readonly Address[]
  /** How to log in; nothing where that is not asked for. */
  sasl?: SaslOptions | undefined
  clientId?: string
  clock?: Clock
  random?: RandomBytes
  logger?: Logger
  /** Kafka's `request.timeout.ms`; default 30 s. */
  requestTimeoutMs?: number
  /** How long {@link Cluster.connect} tries the addresses; default 3 s. */
  bootstrapTimeoutMs?: number
  /** Kafka's `retry.backoff.ms`; default 100. */
  retryBackoffMs?: number
  /** Kafka's `retry.backoff.max.ms`; default 1000. */
  retryBackoffMaxMs?: number
  /** Kafka's `metadata.max.age.ms`; default 5 minutes. */
  metadataMaxAgeMs?: number
  /** How long a topic may stay unknown (it is being created, the word has not spread) before UNKNOWN_TOPIC; default 5 s. */
  unknownTopicTimeoutMs?: number
  /** Told of the connections that nobody has as his own. */
  watcher?: ConnectionsWatcher | undefined
}

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
  #any: Promise<BrokerConnection> | undefined
  #features: ReadonlyMap<string, number>
  #closed: boolean

  private constructor(options: ClusterOptions) {
    this.#options = {
      clientId: 'moldau',
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      requestTimeoutMs: 30_000,
      bootstrapTimeoutMs: 3000,
      retryBackoffMs: 100,
      retryBackoffMaxMs: 1000,
      metadataMaxAgeMs: 300_000,
      unknownTopicTimeoutMs: 5000,
      ...options,
    }
    const { clock, random, retryBackoffMs, retryBackoffMaxMs } = this.#options
    this.policy = { clock, random, retryBackoffMs, retryBackoffMaxMs }
    this.clock = clock
    this.logger = this.#options.logger
    this.incidents = new Incidents(clock, this.logger)
    this.#metadata = new TopicsOfInterest(async (body) => (await this.any()).request(Metadata, body), clock)
    this.#groups = new Set()
    this.#control = this.connections()
    this.coordinators = new Coordinators(this)
    this.#any = undefined
    this.#features = new Map()
    this.#closed = false
  }

  /**
   * Finds the cluster behind one of the addresses.
   *
   * @throws MoldauError CONNECTION_REFUSED naming every address that was tried
   */
  static async connect(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options)
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

  /** A connection to any broker: the one in use, a known one, or one of the bootstrap addresses. */
  async any(): Promise<BrokerConnection> {
    const current = await this.#any?.catch(() => undefined)
    if (current !== undefined && !current.closed) return current
    const attempt = this.#dialAny()
    this.#any = attempt
    try {
      return await attempt
    } catch (error) {
      if (this.#any === attempt) this.#any = undefined
      throw error
    }
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
    return this.image.topics.get(topic)?.partitions[partition]?.leader ?? -1
  }

  close(): void {
    this.#closed = true
    for (const group of this.#groups) group.close()
    this.#any?.then((connection) => connection.close()).catch(() => {})
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
    if (this.#closed) throw closedError()
    const remote = addressText(address)
    let connection: BrokerConnection
    try {
      const transport = await dialer.dial(address.host, address.port)
      const told = watched(node, remote, watcher, this.incidents)
      connection = await BrokerConnection.open(remote, transport, { clientId, requestTimeoutMs, clock, sasl, watcher: told })
    } catch (error) {
      if (!this.#closed) this.incidents.unreachable(remote, error)
      throw error
    }
    this.incidents.reached(remote)
    watcher?.opened(node)
    connection.onClose((error) => {
      watcher?.closed(node)
      if (!connection.closedHere && !this.#closed) this.incidents.lost(remote, error)
    })
    if (connection.features.size > 0) this.#features = connection.features
    return connection
  }

  async #dialAny(): Promise<BrokerConnection> {
    const tried: string[] = []
    let last: unknown
    for (const address of [...this.image.brokers.values(), ...this.#options.bootstrap]) {
      const text = addressText(address)
      if (tried.includes(text)) continue
      tried.push(text)
      try {
        return await this.#dial(address, BOOTSTRAP_NODE, this.#options.watcher)
      } catch (error) {
        if (isRefusal(error) || (!isRetriableError(error) && this.#closed)) throw error
        last = error
      }
    }
    // It was there and hung up: that is what TLS does with plain text.
    const hungUp = last instanceof MoldauError && last.code === 'CONNECTION_LOST'
    const hint = hungUp ? '; if it speaks TLS say so (ssl, or security.protocol in the file of --command-config)' : ''
    const message = `no broker answers at ${tried.join(', ')} (${messageOf(last)}): start one there (moldau broker), or correct the address${hint}`
    throw new MoldauError('CONNECTION_REFUSED', message, { cause: last, retriable: true })
  }
}

function closedError(): MoldauError {
  return new MoldauError('CLOSED', 'the client is closed: connect again')
}

/** Asking again, or somebody else, would not help: who we are or what we trust must change first. */
function isRefusal(error: unknown): boolean {
  return error instanceof MoldauError && ['AUTHENTICATION_FAILED', 'TLS_FAILED', 'INVALID_CONFIG'].includes(error.code)
}
