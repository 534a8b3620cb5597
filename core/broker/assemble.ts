import { resolve } from 'node:path'

import { systemClock } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { silentLogger } from '../base/logger.ts'
import { systemRandom } from '../base/uuid.ts'
import type { LocalMetadata } from '../coordination/local.ts'
import { LogManager } from '../log/log-manager.ts'
import { BufferPool } from '../net/buffer-pool.ts'
import { ReplicaManager } from '../replica/replica-manager.ts'
import type { BrokerConfig } from './broker-config.ts'
import type { BrokerOptions } from './broker-options.ts'
import { Connections } from './connections.ts'
import { coordinators } from './coordinators.ts'
import { Dispatch } from './dispatch.ts'
import { EventHub } from './events.ts'
import type { BrokerEvents } from './events.ts'
import { handlers } from './handlers.ts'
import { Quotas } from './quotas/quotas.ts'
import type { RateWindow } from './quotas/rate.ts'
import { remoteParts } from './remote.ts'
import type { BrokerServices, Endpoint } from './services.ts'
import { Telemetry } from './telemetry.ts'
import { Topics } from './topics.ts'
import { topicLogConfig } from './topic-log-config.ts'

/** Where a broker listens when nobody says otherwise. */
export const LOCAL_HOST = '127.0.0.1'

/** The parts of a broker before it listens. */
export interface Parts {
  services: BrokerServices & { endpoint: Endpoint }
  connections: Connections
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
  config.watch(() => topics.configureAll())
  const random = options.random ?? systemRandom
  const services = {
    ...coordinators({ dir: options.dir, config, replicas, topics, clock, random, events, unsyncedLost }),
    nodeId: logs.meta.nodeId,
    clusterId: logs.meta.clusterId,
    logDir: resolve(logs.dir),
    directoryId: logs.meta.directoryId,
    endpoint: { host: options.host ?? LOCAL_HOST, port: 0 },
    served: handlers.map(({ api, minVersion, maxVersion, advertisedMinVersion }) => ({
      apiKey: api.key,
      minVersion: advertisedMinVersion ?? minVersion,
      maxVersion,
    })),
    config,
    metadata,
    quotas: quotasOf(config, metadata, clock),
    telemetry: new Telemetry(metadata, clock, random),
    replicas,
    topics,
    buffers: new BufferPool(),
    clock,
    logger,
    events,
  }
  const dispatch = new Dispatch(services, handlers)
  const connections = new Connections({
    admit: (remote) => services.quotas.connect(remoteParts(remote).address),
    handle: (frame, connection) => dispatch.answer(frame, connection),
    clock,
    logger,
    idleMs: config.get('connections.max.idle.ms'),
  })
  return { services, connections, metadata, logs, events }
}

function quotasOf(config: BrokerConfig, metadata: LocalMetadata, clock: Clock): Quotas {
  const window = (kind: 'quota' | 'controller.quota'): RateWindow => ({
    samples: config.get(`${kind}.window.num`),
    sampleMs: config.get(`${kind}.window.size.seconds`) * 1000,
  })
  return new Quotas({ metadata, clock, window: window('quota'), mutationWindow: window('controller.quota') })
}
