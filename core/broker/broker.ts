import { resolve } from 'node:path'

import { descriptorLimit } from '../base/files.ts'
import { LocalMetadata } from '../coordination/local.ts'
import type { DirectoryState } from '../log/directory-health.ts'
import type { LogManager } from '../log/log-manager.ts'
import type { Dialer } from '../net/dialer.ts'
import { InProcessListener } from '../net/in-process.ts'
import type { Api } from '../protocol/api.ts'
import type { Message } from '../protocol/schema.ts'
import type { ReplicaManager } from '../replica/replica-manager.ts'
import { assemble, openLogs } from './assemble.ts'
import type { Parts } from './assemble.ts'
import { BrokerConfig } from './broker-config.ts'
import type { BrokerOptions } from './broker-options.ts'
import type { Connections } from './connections.ts'
import { DiskWatch } from './disk-watch.ts'
import { type DescriptorBudget, descriptorBudget, warnOfLimit } from './descriptors.ts'
import { EventHub } from '../base/event-hub.ts'
import type { BrokerEvents } from './events.ts'
import { applyDynamicConfigs } from './resources/broker.ts'
import { noteBoot, unsyncedMayBeLost } from './last-stop.ts'
import type { Interception, InterceptOptions } from './intercept/interception.ts'
import type { Interceptor } from './intercept/intercepted-call.ts'
import type { Interceptions } from './intercept/interceptions.ts'
import { listenerSpecs } from './listeners.ts'
import { OpenListeners } from './open-listeners.ts'
import type { OpenListenersOptions } from './open-listeners.ts'
import type { BrokerServices } from './services.ts'
import { Session } from './session.ts'
import type { OpenListener } from './session.ts'
import { settled } from './settled.ts'
import type { GroupDetails, GroupSummary, PartitionLag, QuotaSummary, TopicSummary, TransactionSummary } from './summaries.ts'
import type { Topics } from './topics.ts'
import { groupDetails, groupLags, groupSummary, quotaSummaries, type Shown, transactionSummary } from './views.ts'

export type { BrokerOptions } from './broker-options.ts'
export type { OpenListener } from './session.ts'
export type {
  GroupDetails,
  GroupMember,
  GroupSummary,
  PartitionLag,
  Place,
  QuotaSummary,
  TopicSummary,
  TransactionSummary,
} from './summaries.ts'

/**
 * A broker that speaks Kafka's protocol, in this process.
 *
 * @example
 * ```ts
 * const broker = await Broker.start({ dir: './data' })
 * const client = await connect(broker)             // or any Kafka client at broker.bootstrap
 * await broker.close()
 * ```
 */
export class Broker {
  /** Connects to this broker without a socket. */
  readonly dialer: Dialer
  /** What a client is given to find this broker: `127.0.0.1:9092`, or `in-process` without TCP. */
  readonly bootstrap: string
  /** The TCP port (of the first listener), null without TCP. */
  readonly port: number | null
  /** Every listener with its protocol and what clients are told of it. */
  readonly listeners: readonly OpenListener[]
  readonly clusterId: string
  readonly nodeId: number
  readonly events: EventHub<BrokerEvents>
  readonly #listeners: OpenListeners
  readonly #inProcess: InProcessListener
  readonly #connections: Connections
  readonly #replicas: ReplicaManager
  readonly #shown: Shown
  readonly #logs: LogManager
  readonly #topics: Topics
  readonly #interceptions: Interceptions
  readonly #services: BrokerServices
  readonly #diskWatch: DiskWatch
  #closing: Promise<void> | undefined
  #closed: boolean

  private constructor(parts: Parts, listeners: OpenListeners, inProcessPrincipal: string | undefined) {
    const { services, connections, logs, events } = parts
    this.#listeners = listeners
    this.listeners = listeners.list
    this.#connections = connections
    this.#replicas = services.replicas
    this.#shown = services
    this.#logs = logs
    this.#topics = services.topics
    this.#interceptions = parts.interceptions
    this.#services = services
    this.#diskWatch = new DiskWatch(services)
    const [first] = this.listeners
    const here = { name: 'in-process', protocol: 'PLAINTEXT', endpoint: services.endpoint } as const
    // Who holds the broker may do everything, unless he says otherwise.
    const authorizer = inProcessPrincipal === undefined ? undefined : services.authorizer
    const session = (remote: string): Session => new Session(here, remote, inProcessPrincipal ?? IN_PROCESS, authorizer)
    this.#inProcess = new InProcessListener((transport) => connections.add(transport, session(transport.remote)), services.buffers)
    this.#closing = undefined
    this.#closed = false
    this.dialer = this.#inProcess.dialer
    this.port = first?.port ?? null
    this.bootstrap = first === undefined ? 'in-process' : `${first.endpoint.host}:${first.endpoint.port}`
    this.clusterId = services.clusterId
    this.nodeId = services.nodeId
    this.events = events
  }

  /**
   * Opens the data directory (recovering what a crash left), then answers.
   * @throws MoldauError INVALID_CONFIG, DIRECTORY_UNUSABLE (in use, not writable), PORT_IN_USE
   */
  static async start(options: BrokerOptions): Promise<Broker> {
    const config = new BrokerConfig({ ...options.config, 'log.dirs': resolve(options.dir) })
    const specs = listenerSpecs(options, config)
    const unsyncedLost = unsyncedMayBeLost(options.dir, options.files)
    // Read when the directory is ours: a broker that is just stopping may still write it.
    let read: LocalMetadata | undefined
    const metadata = (): LocalMetadata => (read ??= readMetadata(options, config))
    const connectionsMax = (): number => (specs.length === 0 ? 0 : config.get('max.connections'))
    const budget = (): DescriptorBudget => descriptorBudget(descriptorLimit(), connectionsMax())
    const events = new EventHub<BrokerEvents>()
    const beginning = { options, config, metadata, openFilesMax: budget().files, unsyncedLost, events }
    const logs = await openLogs(beginning)
    let parts: Parts | undefined
    try {
      await noteBoot(options.dir, options.files)
      parts = await assemble(beginning, logs)
      await parts.services.groups.load()
      await parts.services.transactions.load()
      // Not before: what the logs leave open after a crash is settled by records that a cleaner would take away.
      if (config.get('log.cleaner.enable')) logs.cleaner.start()
      const listeners = await OpenListeners.open(
        specs,
        listenersOptions(config, parts, () => budget().connections),
      )
      config.judge((next) => listeners.problemWith(next))
      config.watch(() => listeners.reconfigure())
      const [first] = listeners.list
      if (first !== undefined) parts.services.endpoint = first.endpoint
      const { logger, security } = parts.services
      warnOfLimit(logger, budget(), connectionsMax(), parts.services.replicas.partitionCount)
      for (const damage of [parts.metadata.damage, security.damage]) {
        if (damage !== undefined) logger.error({ dir: options.dir, error: damage }, 'the second copy of the metadata is used')
      }
      logger.info({ dir: options.dir, listeners: listeners.list, topics: parts.metadata.topicCount }, 'broker ready')
      return new Broker(parts, listeners, options.inProcessPrincipal)
    } catch (error) {
      parts?.services.groups.close()
      parts?.services.transactions.close()
      if (parts !== undefined) await settled(parts.services)
      await logs.close()
      throw error
    }
  }

  /** True when {@link Broker.close} is done. */
  get isClosed(): boolean {
    return this.#closed
  }

  /**
   * Whether the data directory takes writes. `failing` from the first write or sync that the disk refused, with the time and the cause, until
   * the disk works again and everything that was hurt is written and synced; the broker serves reads meanwhile and needs no restart.
   */
  get directory(): { readonly path: string } & DirectoryState {
    return { path: this.#logs.dir, ...this.#logs.directory }
  }

  /** The topics of now, internal ones too. */
  topics(): TopicSummary[] {
    return Array.from(this.#topics.list(), topicSummary)
  }

  /** A topic; undefined when there is none of the name. */
  topic(name: string): TopicSummary | undefined {
    const topic = this.#topics.get(name)
    return topic && topicSummary(topic)
  }

  /** The consumer groups of now. */
  groupIds(): string[] {
    return this.#shown.groups.list().map(({ groupId }) => groupId)
  }

  /**
   * A consumer group; undefined when there is none of the name.
   * @throws KafkaError COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE (closed): it cannot be told
   */
  group(id: string): GroupSummary | undefined {
    return groupSummary(this.#shown, id)
  }

  /** A consumer group with its members and what they are assigned; otherwise as {@link Broker.group}. */
  describeGroup(id: string): GroupDetails | undefined {
    return groupDetails(this.#shown, id)
  }

  /** How far a group is behind in each partition that it reads or has committed; empty when there is no such group. Rejects as {@link Broker.group} throws. */
  groupLag(id: string): Promise<PartitionLag[]> {
    return groupLags(this.#shown, id)
  }

  /** The transactional ids of now. */
  transactionalIds(): string[] {
    return this.#shown.transactions.list().map(({ id }) => id)
  }

  /** A transactional id; undefined when there is none of the name. Throws as {@link Broker.group}. */
  transaction(id: string): TransactionSummary | undefined {
    return transactionSummary(this.#shown, id)
  }

  /** Who has quotas, and which. */
  quotas(): QuotaSummary[] {
    return quotaSummaries(this.#shown)
  }

  /**
   * Bends a call, so that a client can be tested against what goes wrong: `broker.intercept(Produce, (call) => call.error('NOT_LEADER_OR_FOLLOWER'))`.
   * The calls are those of `moldau/core/testing`; docs/testing.md shows what can be done. Several interceptors of one call stand in the
   * order in which they were installed. A request that one of them makes wait holds up those behind it on its connection.
   * @throws MoldauError INVALID_ARGUMENT for a call that is not served, or an option that cannot be
   */
  intercept<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    interceptor: Interceptor<Req, Res>,
    options?: InterceptOptions<Req, Res>,
  ): Interception
  intercept(apis: readonly Api[], interceptor: Interceptor, options?: InterceptOptions): Interception
  intercept(apis: Api | readonly Api[], interceptor: Interceptor, options: InterceptOptions = {}): Interception {
    return this.#interceptions.add('key' in apis ? [apis] : apis, interceptor, options)
  }

  /** Answers what has been asked, writes everything to disk and leaves the directory to the next broker. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.events.emit('closing', { nodeId: this.nodeId })
    this.#diskWatch.stop()
    this.#interceptions.close()
    this.#inProcess.close()
    const silent = this.#listeners.close()
    this.#shown.groups.close()
    this.#shown.transactions.close()
    const finished = this.#connections.finish()
    this.#replicas.wakeAll()
    await finished
    await silent
    await settled(this.#services)
    try {
      await this.#logs.close()
    } finally {
      this.#closed = true
      this.events.emit('closed', { nodeId: this.nodeId })
    }
  }
}

/** What is written down, and the settings with what was changed in an earlier life. */
function readMetadata(options: BrokerOptions, config: BrokerConfig): LocalMetadata {
  const metadata = new LocalMetadata(options)
  applyDynamicConfigs(config, metadata)
  return metadata
}

/** Who connects from inside the process, where nobody said as whom. */
const IN_PROCESS = 'User:in-process'

function listenersOptions(
  config: BrokerConfig,
  { connections, dispatch, budget, services, rates }: Parts,
  connectionsMax: () => number,
): OpenListenersOptions {
  const { buffers, security, authorizer, clock, logger } = services
  return {
    config,
    connectionsMax,
    rates,
    buffers,
    budget,
    credentials: (mechanism, user) => security.credential(mechanism, user),
    authorizer,
    apiVersions: (frame, connection) => dispatch.apiVersions(frame, connection),
    onConnection: (transport, session) => connections.add(transport, session),
    clock,
    logger,
  }
}

function topicSummary({ name, id, partitions, internal }: TopicSummary): TopicSummary {
  return { name, id, partitions, internal }
}
