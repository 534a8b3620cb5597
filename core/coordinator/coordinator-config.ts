import type { GroupConfig } from './group-state.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

/** Settings of the group coordinator, in Kafka's names and with Kafka's defaults unless said otherwise. */
export interface GroupCoordinatorConfig extends GroupConfig {
  readonly offsetsTopicNumPartitions: number
  readonly offsetMetadataMaxBytes: number
  readonly offsetsRetentionMs: number
  readonly offsetsRetentionCheckIntervalMs: number
  /** Groups kept in memory; the next new one gets COORDINATOR_NOT_AVAILABLE. Ours, Kafka has no limit. */
  readonly groupsMax: number
}

export const groupDefaults: GroupCoordinatorConfig = {
  groupMinSessionTimeoutMs: 6000,
  groupMaxSessionTimeoutMs: 30 * MINUTE_MS,
  // Kafka waits 3000 ms for more members of a new group. An embedded broker mostly serves one process, which would only feel the wait.
  groupInitialRebalanceDelayMs: 0,
  groupMaxSize: 10_000,
  newMemberJoinTimeoutMs: 5 * MINUTE_MS,
  consumerMaxSize: 2 ** 31 - 1,
  consumerSessionTimeoutMs: 45_000,
  consumerHeartbeatIntervalMs: 5000,
  // Kafka 4.3 waits 1000 ms between two assignments of a group, for others that join. See the initial delay above.
  consumerAssignmentIntervalMs: 0,
  consumerRegexRefreshIntervalMs: 10 * MINUTE_MS,
  consumerAssignors: ['uniform', 'range'],
  consumerMigrationPolicy: 'bidirectional',
  offsetsTopicNumPartitions: 50,
  offsetMetadataMaxBytes: 4096,
  offsetsRetentionMs: 7 * DAY_MS,
  offsetsRetentionCheckIntervalMs: 10 * MINUTE_MS,
  groupsMax: 100_000,
}

/** Settings of the transaction coordinator, in Kafka's names and with Kafka's defaults. */
export interface TransactionCoordinatorConfig {
  readonly transactionStateLogNumPartitions: number
  readonly transactionMaxTimeoutMs: number
  readonly transactionalIdExpirationMs: number
  readonly transactionRemoveExpiredIntervalMs: number
  /** Transactional ids kept in memory; the next new one gets COORDINATOR_NOT_AVAILABLE. Ours, Kafka has no limit. */
  readonly transactionalIdsMax: number
}

export const transactionDefaults: TransactionCoordinatorConfig = {
  transactionStateLogNumPartitions: 50,
  transactionMaxTimeoutMs: 15 * MINUTE_MS,
  transactionalIdExpirationMs: 7 * DAY_MS,
  transactionRemoveExpiredIntervalMs: 60 * MINUTE_MS,
  transactionalIdsMax: 100_000,
}
