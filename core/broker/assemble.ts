import { systemClock } from '../base/clock.ts'
import { silentLogger } from '../base/logger.ts'
import type { Logger } from '../base/logger.ts'
import { systemRandom } from '../base/uuid.ts'
import type { LocalMetadata } from '../coordination/local.ts'
import { SecurityStore } from '../coordination/security-store.ts'
import { LogManager } from '../log/log-manager.ts'
import { BufferPool } from '../net/buffer-pool.ts'
import { MemoryBudget } from '../net/memory-budget.ts'
import { ReplicaManager } from '../replica/replica-manager.ts'
import { Authorizer } from '../security/authorizer.ts'
import { parsePrincipals } from '../security/principal.ts'
import type { BrokerConfig } from './broker-config.ts'
import type { BrokerOptions } from './broker-options.ts'
import { Connections } from './connections.ts'
import { coordinators } from './coordinators.ts'
import { Dispatch } from './dispatch.ts'
import { EventHub } from './events.ts'
import type { BrokerEvents } from './events.ts'
import { guardOf } from './guards.ts'
import { handlers } from './handlers.ts'
import { LOCAL_HOST } from './listeners.ts'
import type { Endpoint } from './listeners.ts'
import { addScramUsers } from './scram-users.ts'
import type { BrokerServices } from './services.ts'
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
}

/** Takes the data directory and finds what is in it. */
export function openLogs(options: BrokerOptions, config: BrokerConfig, metadata: () => LocalMetadata): Promise<LogManager> {
  const { dir, clusterId, nodeId, clock, logger, random, files } = options
  return LogManager.open({
    dir,
    config: topicLogConfig(new Map(), config),
    topicConfig: (topic) => topicLogConfig(metadata().topic(topic)?.configs ?? new Map(), config),
    retentionCheckIntervalMs: config.get('log.retention.check.interval.ms'),
    ...(clusterId !== undefined && { clusterId }),
    ...(nodeId !== undefined && { nodeId }),
    ...(clock !== undefined && { clock }),
    ...(logger !== undefined && { logger }),
    ...(random !== undefined && { random }),
    ...(files !== undefined && { files }),
  })
}

/** Puts the parts together, from the left of the house to the right. */
export function assemble(
  options: BrokerOptions,
  config: BrokerConfig,
  metadata: LocalMetadata,
  logs: LogManager,
  unsyncedLost: boolean,
): Parts {
  const clock = options.clock ?? systemClock
  const logger = options.logger ?? silentLogger
  const events = new EventHub<BrokerEvents>()
  const replicas = new ReplicaManager(logs)
  const topics = new Topics({ metadata, replicas, config, events })
  topics.openAll()
  const random = options.random ?? systemRandom
  const security = new SecurityStore({ dir: options.dir, ...(options.files !== undefined && { files: options.files }) })
  addScramUsers(security, options.scramUsers ?? [])
  const authorizer = authorizerOf(config, security, logger)
  const services = {
    ...coordinators({ dir: options.dir, config, replicas, topics, clock, random, events, unsyncedLost }),
    nodeId: logs.meta.nodeId,
    clusterId: logs.meta.clusterId,
    endpoint: { host: options.host ?? LOCAL_HOST, port: 0 },
    served: handlers.map(({ api, minVersion, maxVersion, advertisedMinVersion }) => ({
      apiKey: api.key,
      minVersion: advertisedMinVersion ?? minVersion,
      maxVersion,
    })),
    config,
    security,
    authorizer,
    replicas,
    topics,
    buffers: new BufferPool(),
    clock,
    logger,
    events,
  }
  const dispatch = new Dispatch(services, handlers, authorizer && guardOf)
  const queuedBytesMax = config.get('queued.max.request.bytes')
  const budget = queuedBytesMax > 0 ? new MemoryBudget(queuedBytesMax) : undefined
  const connections = new Connections({
    handle: (frame, connection, session) => dispatch.answer(frame, connection, session),
    clock,
    logger,
    idleMs: config.get('connections.max.idle.ms'),
    budget,
  })
  return { services, connections, dispatch, budget, metadata, logs, events }
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
