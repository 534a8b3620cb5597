import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Turns } from '../base/turns.ts'
import type { LocalMetadata } from '../coordination/local.ts'
import type { GroupCoordinator } from '../coordinator/group-coordinator.ts'
import type { TransactionCoordinator } from '../coordinator/transaction-coordinator.ts'
import type { SecurityStore } from '../coordination/security-store.ts'
import type { Backlog } from '../net/backlog.ts'
import type { BufferPool } from '../net/buffer-pool.ts'
import type { ReplicaManager } from '../replica/replica-manager.ts'
import type { Authorizer } from '../security/authorizer.ts'
import type { BrokerConfig } from './broker-config.ts'
import type { EventHub } from '../base/event-hub.ts'
import type { BrokerEvents } from './events.ts'
import type { GroupConfigs } from './group-configs.ts'
import type { Endpoint } from './listeners.ts'
import type { Quotas } from './quotas/quotas.ts'
import type { Telemetry } from './telemetry.ts'
import type { Topics } from './topics.ts'

/** One line of ApiVersions. */
export interface ServedApi {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

/** What handlers get of the broker. */
export interface BrokerServices {
  readonly nodeId: number
  readonly clusterId: string
  /** The first listener's; what is told to a client is that of the listener it came by (`context.session`). */
  readonly endpoint: Endpoint
  /** The data directory, as an absolute path, and its id. */
  readonly logDir: string
  readonly directoryId: string
  /** The calls that are answered, computed from the handlers. */
  readonly served: readonly ServedApi[]
  readonly config: BrokerConfig
  /** What is written down beside the logs: settings and quotas; topics by way of {@link Topics}. */
  readonly metadata: LocalMetadata
  /** Who changes the settings of something waits for those who came before him. */
  readonly alterations: Turns
  /** What users, clients and addresses may use. */
  readonly quotas: Quotas
  /** What clients are asked to measure. */
  readonly telemetry: Telemetry
  /** Access control entries, and who logs in by SCRAM. */
  readonly security: SecurityStore
  /** Undefined when there is no access control. */
  readonly authorizer: Authorizer | undefined
  readonly replicas: ReplicaManager
  readonly topics: Topics
  readonly groups: GroupCoordinator
  readonly groupConfigs: GroupConfigs
  readonly transactions: TransactionCoordinator
  /** Where big answers are read to. */
  readonly buffers: BufferPool
  /** Answers that clients have not taken yet. */
  readonly backlog: Backlog
  readonly clock: Clock
  readonly logger: Logger
  readonly events: EventHub<BrokerEvents>
}
