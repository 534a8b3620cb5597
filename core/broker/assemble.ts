import { resolve } from 'node:path'

import { systemClock } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { silentLogger } from '../base/logger.ts'
import type { Logger } from '../base/logger.ts'
import { Turns } from '../base/turns.ts'
import { systemRandom } from '../base/uuid.ts'
import type { LocalMetadata } from '../coordination/local.ts'
import { SecurityStore } from '../coordination/security-store.ts'
import { TRANSACTIONS_TOPIC } from '../coordinator/coordinator-log.ts'
import { LogManager } from '../log/log-manager.ts'
import { Backlog } from '../net/backlog.ts'
import { BufferPool } from '../net/buffer-pool.ts'
import { MemoryBudget } from '../net/memory-budget.ts'
import { ReplicaManager } from '../replica/replica-manager.ts'
import { Authorizer } from '../security/authorizer.ts'
import { parsePrincipals } from '../security/principal.ts'
import type { BrokerConfig } from './broker-config.ts'
import type { BrokerOptions } from './broker-options.ts'
import { Connections } from './connections.ts'
import { cleanerProblem, cleanerSettings, isOfCleaner } from './cleaner-settings.ts'
import { coordinators } from './coordinators.ts'
import { Dispatch } from './dispatch.ts'
import type { EventHub } from '../base/event-hub.ts'
import type { BrokerEvents } from './events.ts'
import { guardOf } from './guards.ts'
import { handlers } from './handlers.ts'
import { Interceptions } from './intercept/interceptions.ts'
import { LOCAL_HOST } from './listeners.ts'
import type { Endpoint } from './listeners.ts'
import { ConnectionRates } from './quotas/connection-rates.ts'
import { Quotas } from './quotas/quotas.ts'
import type { RateWindow } from './quotas/rate.ts'
import { addScramUsers } from './scram-users.ts'
import type { BrokerServices } from './services.ts'
import { Telemetry } from './telemetry.ts'
import { Topics } from './topics.ts'
import { topicLogConfig } from './topic-log-config.ts'

/** The parts of a broker before it listens. */
export interface Parts {
  services: BrokerServices & { endpoint: Endpoint }
  connections: Connections
  dispatch: Dispatch
  budget: MemoryBudget | undefined
  metadata: LocalMetadata
  logs: LogManager
  events: EventHub<BrokerEvents>
  interceptions: Interceptions
  /** How fast connections may come. */
  rates: ConnectionRates
}

/** What a broker begins with. */
export interface Beginning {
  readonly options: BrokerOptions
  readonly config: BrokerConfig
  /** Read when it is first asked for: not before the directory is ours. */
  readonly metadata: () => LocalMetadata
  /** Descriptors for segments. */
  readonly openFilesMax: number
  /** Data that was never synced may be gone. */
  readonly unsyncedLost: boolean
  readonly events: EventHub<BrokerEvents>
}

/** Takes the data directory and finds what is in it. */
export function openLogs({ options, config, metadata, openFilesMax, unsyncedLost, events }: Beginning): Promise<LogManager> {
  const { dir, clusterId, nodeId, clock, logger, random, files } = options
  return LogManager.open({
    dir,
    config: topicLogConfig(new Map(), config),
    topicConfig: (topic) => topicLogConfig(metadata().topic(topic)?.configs ?? new Map(), config),
    openFilesMax,
    writesSurvived: !unsyncedLost,
    showsSyncedOnly: config.get('durability') === 'disk',
    onRecordsLost: (lost) => events.emit('recordsLost', lost),
    onStateChange: (directory) => events.emit('directoryChanged', { dir, directory }),
    cleaner: cleanerSettings(config),
    // What a power loss may take from the other logs is completed from the decisions that are kept there.
    governsOthers: (topic) => topic === TRANSACTIONS_TOPIC,
    retentionCheckIntervalMs: config.get('log.retention.check.interval.ms'),
    checkpointIntervalMs: config.get('log.flush.offset.checkpoint.interval.ms'),
    ...(clusterId !== undefined && { clusterId }),
    ...(nodeId !== undefined && { nodeId }),
    ...(clock !== undefined && { clock }),
    ...(logger !== undefined && { logger }),
    ...(random !== undefined && { random }),
    ...(files !== undefined && { files }),
  })
}

/** Puts the parts together, from the left of the house to the right. */
export async function assemble(beginning: Beginning, logs: LogManager): Promise<Parts> {
  const { options, config, unsyncedLost, events } = beginning
  const metadata = beginning.metadata()
  const clock = options.clock ?? systemClock
  const logger = options.logger ?? silentLogger
  logs.onHealedWithLoss = (topic, partition) => services.transactions.settleLost({ topic, partition })
  logs.cleaner.onCleaned = (cleaned) => events.emit('logCleaned', cleaned)
  const replicas = new ReplicaManager(logs)
  const topics = new Topics({ metadata, replicas, config, events })
  await topics.openAll()
  config.watch(() => topics.configureAll())
  const tellCleaner = (): void => configureCleaner(logs, config, logger)
  // What was changed in an earlier life was not known when the directory was opened.
  tellCleaner()
  config.watch(tellCleaner)
  config.judge((next, changed) => (changed.some(isOfCleaner) ? cleanerProblem(cleanerSettings(config), cleanerSettings(next)) : undefined))
  const random = options.random ?? systemRandom
  const security = new SecurityStore({ dir: options.dir, files: options.files })
  await addScramUsers(security, options.scramUsers ?? [])
  const authorizer = authorizerOf(config, security, logger)
  const services = {
    ...coordinators({ dir: options.dir, config, replicas, topics, clock, random, events, unsyncedLost, logger, files: options.files }),
    nodeId: logs.meta.nodeId,
    clusterId: logs.meta.clusterId,
    logDir: resolve(logs.dir),
    directoryId: logs.meta.directoryId,
    endpoint: { host: options.host ?? LOCAL_HOST, port: 0 },
    served: handlers.map(({ api, minVersion, maxVersion }) => ({
      apiKey: api.key,
      minVersion,
      maxVersion,
    })),
    config,
    metadata,
    alterations: new Turns(),
    quotas: quotasOf(config, metadata, clock, events),
    telemetry: new Telemetry(metadata, clock, random),
    security,
    authorizer,
    replicas,
    topics,
    buffers: options.buffers ?? new BufferPool(),
    backlog: new Backlog(),
    clock,
    logger,
    events,
  }
  const dispatch = new Dispatch(services, handlers, authorizer && guardOf)
  const queuedBytesMax = config.get('queued.max.request.bytes')
  const budget = queuedBytesMax > 0 ? new MemoryBudget(queuedBytesMax, clock) : undefined
  const connections = new Connections({
    handle: (frame, connection, session) => dispatch.answer(frame, connection, session),
    backlog: services.backlog,
    clock,
    logger,
    idleMs: config.get('connections.max.idle.ms'),
    buffers: services.buffers,
  })
  const interceptions = new Interceptions(handlers, (handler) => dispatch.replace(handler))
  const rates = new ConnectionRates({ config, quotas: services.quotas, window: quotaWindow(config, 'quota'), clock })
  return { services, connections, dispatch, budget, metadata, logs, events, interceptions, rates }
}

/** What decides who may do what; undefined when everybody may do everything. */
function authorizerOf(config: BrokerConfig, security: SecurityStore, logger: Logger): Authorizer | undefined {
  const superUsers = parsePrincipals(config.get('super.users'))
  if (config.get('authorizer.class.name') === '') return undefined
  return new Authorizer({
    acls: security.acls,
    superUsers,
    allowIfNoAcl: config.get('allow.everyone.if.no.acl.found'),
    onDenied: ({ principal, host }, operation, type, name) =>
      logger.debug({ principal, host, operation, type, name }, `denied: ${principal} from ${host}, ${operation} ${type} ${name}`),
  })
}

/** What was changed may no longer fit what is given at the start: then the latter counts, so that the broker comes up and can be told better. */
function configureCleaner(logs: LogManager, config: BrokerConfig, logger: Logger): void {
  try {
    logs.cleaner.configure(cleanerSettings(config))
  } catch (error) {
    logger.error({ err: error }, 'the settings of the cleaner that were changed do not fit the others: they do not count')
  }
}

function quotasOf(config: BrokerConfig, metadata: LocalMetadata, clock: Clock, events: EventHub<BrokerEvents>): Quotas {
  return new Quotas({
    metadata,
    clock,
    window: quotaWindow(config, 'quota'),
    mutationWindow: quotaWindow(config, 'controller.quota'),
    onChange: () => events.emit('quotasChanged', { entities: metadata.quotas().length }),
  })
}

function quotaWindow(config: BrokerConfig, kind: 'quota' | 'controller.quota'): RateWindow {
  return { samples: config.get(`${kind}.window.num`), sampleMs: config.get(`${kind}.window.size.seconds`) * 1000 }
}
