import { hostname } from 'node:os'

import { systemClock } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import type { Files } from '../base/files.ts'
import { silentLogger } from '../base/logger.ts'
import type { Logger } from '../base/logger.ts'
import { systemRandom } from '../base/uuid.ts'
import type { RandomBytes } from '../base/uuid.ts'
import { LocalMetadata } from '../coordination/local.ts'
import { LogManager } from '../log/log-manager.ts'
import type { Dialer } from '../net/dialer.ts'
import { InProcessListener } from '../net/in-process.ts'
import { Listener } from '../net/listener.ts'
import { ReplicaManager } from '../replica/replica-manager.ts'
import { BrokerConfig } from './broker-config.ts'
import type { BrokerConfigInput } from './broker-config.ts'
import { coordinators } from './coordinators.ts'
import type { Coordinators } from './coordinators.ts'
import { Connections } from './connections.ts'
import { Dispatch } from './dispatch.ts'
import { EventHub } from './events.ts'
import type { BrokerEvents } from './events.ts'
import { handlers } from './handlers.ts'
import { noteBoot, unsyncedMayBeLost } from './last-stop.ts'
import type { BrokerServices, Endpoint } from './services.ts'
import { Topics } from './topics.ts'
import { topicLogConfig } from './topic-log-config.ts'

export interface BrokerOptions {
  /** Data directory; made when it is missing. One broker at a time may use it. */
  dir: string
  /** TCP port; 0 (the default) takes a free one, null listens in this process only. */
  port?: number | null
  /** Address to listen on, and what clients are told. Default '127.0.0.1'; with '0.0.0.0' clients are told the name of this machine. */
  host?: string
  /** Default: the one of the data directory, 1 when it is new. */
  nodeId?: number
  /** Default: the one of the data directory, made up when it is new. */
  clusterId?: string
  /** Settings under Kafka's names, dotted or in camelCase: `{ 'num.partitions': 6 }` or `{ numPartitions: 6 }`. */
  config?: BrokerConfigInput
  clock?: Clock
  random?: RandomBytes
  /** The disk; a test brings one that fails. */
  files?: Files
  /** Default: silence. pino fits. */
  logger?: Logger
}

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
  /** The TCP port, null without TCP. */
  readonly port: number | null
  readonly clusterId: string
  readonly nodeId: number
  readonly events: EventHub<BrokerEvents>
  readonly #listener: Listener | undefined
  readonly #inProcess: InProcessListener
  readonly #connections: Connections
  readonly #replicas: ReplicaManager
  readonly #coordinators: Coordinators
  readonly #logs: LogManager
  #closing: Promise<void> | undefined

  private constructor(parts: Parts, listener: Listener | undefined) {
    const { services, connections, logs, events } = parts
    this.#listener = listener
    this.#connections = connections
    this.#replicas = services.replicas
    this.#coordinators = services
    this.#logs = logs
    this.#inProcess = new InProcessListener((transport) => connections.add(transport))
    this.#closing = undefined
    this.dialer = this.#inProcess.dialer
    this.port = listener?.port ?? null
    this.bootstrap = listener === undefined ? 'in-process' : `${services.endpoint.host}:${services.endpoint.port}`
    this.clusterId = services.clusterId
    this.nodeId = services.nodeId
    this.events = events
  }

  /**
   * Opens the data directory (recovering what a crash left), then answers.
   * @throws MoldauError INVALID_CONFIG, DIRECTORY_UNUSABLE (in use, not writable), PORT_IN_USE
   */
  static async start(options: BrokerOptions): Promise<Broker> {
    const config = new BrokerConfig(options.config)
    const metadata = new LocalMetadata(options)
    const unsyncedLost = unsyncedMayBeLost(options.dir, options.files)
    const logs = await openLogs(options, config, metadata)
    let parts: Parts | undefined
    try {
      noteBoot(options.dir, options.files)
      parts = assemble(options, config, metadata, logs, unsyncedLost)
      await parts.services.groups.load()
      await parts.services.transactions.load()
      const listener = await listen(options, config, parts.connections)
      if (listener !== undefined) parts.services.endpoint = { host: advertised(listener.host), port: listener.port }
      const { logger } = parts.services
      logger.info({ dir: options.dir, port: listener?.port ?? null, topics: parts.metadata.topicCount }, 'broker ready')
      return new Broker(parts, listener)
    } catch (error) {
      parts?.services.groups.close()
      parts?.services.transactions.close()
      await logs.close()
      throw error
    }
  }

  /** Answers what has been asked, writes everything to disk and leaves the directory to the next broker. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#inProcess.close()
    const silent = this.#listener?.close()
    this.#coordinators.groups.close()
    this.#coordinators.transactions.close()
    const finished = this.#connections.finish()
    this.#replicas.wakeAll()
    await finished
    await silent
    await this.#logs.close()
  }
}

interface Parts {
  services: BrokerServices & { endpoint: Endpoint }
  connections: Connections
  metadata: LocalMetadata
  logs: LogManager
  events: EventHub<BrokerEvents>
}

function openLogs(options: BrokerOptions, config: BrokerConfig, metadata: LocalMetadata): Promise<LogManager> {
  const { dir, clusterId, nodeId, clock, logger, random, files } = options
  return LogManager.open({
    dir,
    config: topicLogConfig(new Map(), config),
    topicConfig: (topic) => topicLogConfig(metadata.topic(topic)?.configs ?? new Map(), config),
    retentionCheckIntervalMs: config.get('log.retention.check.interval.ms'),
    ...(clusterId !== undefined && { clusterId }),
    ...(nodeId !== undefined && { nodeId }),
    ...(clock !== undefined && { clock }),
    ...(logger !== undefined && { logger }),
    ...(random !== undefined && { random }),
    ...(files !== undefined && { files }),
  })
}

function assemble(options: BrokerOptions, config: BrokerConfig, metadata: LocalMetadata, logs: LogManager, unsyncedLost: boolean): Parts {
  const clock = options.clock ?? systemClock
  const logger = options.logger ?? silentLogger
  const events = new EventHub<BrokerEvents>()
  const replicas = new ReplicaManager(logs)
  const topics = new Topics({ metadata, replicas, config, events })
  topics.openAll()
  const random = options.random ?? systemRandom
  const services = {
    ...coordinators({ dir: options.dir, config, replicas, topics, clock, random, events, unsyncedLost }),
    nodeId: logs.meta.nodeId,
    clusterId: logs.meta.clusterId,
    endpoint: { host: options.host ?? LOCAL, port: 0 },
    served: handlers.map(({ api, minVersion, maxVersion, advertisedMinVersion }) => ({
      apiKey: api.key,
      minVersion: advertisedMinVersion ?? minVersion,
      maxVersion,
    })),
    config,
    replicas,
    topics,
    clock,
    logger,
  }
  const dispatch = new Dispatch(services, handlers)
  const connections = new Connections({
    handle: (frame, connection) => dispatch.answer(frame, connection),
    clock,
    logger,
    idleMs: config.get('connections.max.idle.ms'),
  })
  return { services, connections, metadata, logs, events }
}

const LOCAL = '127.0.0.1'

function listen(options: BrokerOptions, config: BrokerConfig, connections: Connections): Promise<Listener> | undefined {
  const { port = 0, host = LOCAL } = options
  if (port === null) return undefined
  return Listener.listen({
    host,
    port,
    onConnection: (transport) => connections.add(transport),
    connectionsMax: config.get('max.connections'),
    requestBytesMax: config.get('socket.request.max.bytes'),
  })
}

/** An address that stands for all of this machine's is of no use to a client: it gets the name. */
function advertised(host: string): string {
  return host === '0.0.0.0' || host === '::' ? hostname() : host
}
