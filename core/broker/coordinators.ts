import { join } from 'node:path'

import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import type { Logger } from '../base/logger.ts'
import type { RandomBytes } from '../base/uuid.ts'
import { GROUPS_TOPIC, TRANSACTIONS_TOPIC } from '../coordinator/coordinator-log.ts'
import { GroupCoordinator } from '../coordinator/group-coordinator.ts'
import type { MigrationPolicy } from '../coordinator/group-state.ts'
import { fileProducerIdStore } from '../coordinator/producer-ids.ts'
import { TransactionCoordinator } from '../coordinator/transaction-coordinator.ts'
import { LocalPartitionWriter } from '../replica/local-partition-writer.ts'
import type { ReplicaManager } from '../replica/replica-manager.ts'
import type { BrokerConfig } from './broker-config.ts'
import type { EventHub } from '../base/event-hub.ts'
import type { BrokerEvents } from './events.ts'
import { GroupConfigs } from './group-configs.ts'
import { BrokerTopicCatalog } from './topic-catalog.ts'
import type { Topics } from './topics.ts'

export interface CoordinatorsOptions {
  dir: string
  config: BrokerConfig
  replicas: ReplicaManager
  topics: Topics
  clock: Clock
  random: RandomBytes
  events: EventHub<BrokerEvents>
  unsyncedLost: boolean
  logger: Logger
  files?: Files | undefined
}

export interface Coordinators {
  groups: GroupCoordinator
  groupConfigs: GroupConfigs
  transactions: TransactionCoordinator
}

const MINUTE_MS = 60_000

/** The coordinators of groups and transactions, told what the broker's settings say. */
export function coordinators(options: CoordinatorsOptions): Coordinators {
  const { config, replicas, topics, clock, random, events, unsyncedLost, logger } = options
  const writer = new LocalPartitionWriter({
    replicas,
    syncs: config.get('durability') === 'disk',
    report: (topic, partition, error) => {
      const message = `${topic}-${partition}: a damaged batch of the coordinator was stepped over, what it said is lost: ${messageOf(error)}`
      logger.error({ topic, partition, err: error }, message)
      events.emit('error', { message, cause: error })
    },
    ensureTopic: async (name, partitions) => void (await topics.ensureInternal(name, partitions)),
  })
  // The settings count where the topic is yet to be made: groups and ids are found by their hash modulo what it has.
  const partitionsOf = (name: string, setting: number) => topics.get(name)?.partitions ?? setting
  const groupConfigs = new GroupConfigs(options.dir, config, options.files)
  const groups = new GroupCoordinator({
    writer,
    clock,
    random,
    topics: new BrokerTopicCatalog(topics, events),
    settingsOf: (groupId) => groupConfigs.settingsOf(groupId),
    config: {
      groupMinSessionTimeoutMs: config.get('group.min.session.timeout.ms'),
      groupMaxSessionTimeoutMs: config.get('group.max.session.timeout.ms'),
      groupInitialRebalanceDelayMs: config.get('group.initial.rebalance.delay.ms'),
      groupMaxSize: config.get('group.max.size'),
      consumerMaxSize: config.get('group.consumer.max.size'),
      consumerSessionTimeoutMs: config.get('group.consumer.session.timeout.ms'),
      consumerHeartbeatIntervalMs: config.get('group.consumer.heartbeat.interval.ms'),
      consumerAssignmentIntervalMs: config.get('group.consumer.assignment.interval.ms'),
      consumerRegexRefreshIntervalMs: config.get('group.consumer.regex.refresh.interval.ms'),
      consumerAssignors: config.get('group.consumer.assignors'),
      consumerMigrationPolicy: config.get('group.consumer.migration.policy') as MigrationPolicy,
      offsetsTopicNumPartitions: partitionsOf(GROUPS_TOPIC, config.get('offsets.topic.num.partitions')),
      offsetMetadataMaxBytes: config.get('offset.metadata.max.bytes'),
      offsetsRetentionMs: config.get('offsets.retention.minutes') * MINUTE_MS,
      offsetsRetentionCheckIntervalMs: config.get('offsets.retention.check.interval.ms'),
    },
    onChange: (groupId) => events.emit('groupChanged', { groupId }),
  })
  const transactions = new TransactionCoordinator({
    writer,
    clock,
    groups,
    producerIdStore: fileProducerIdStore(join(options.dir, 'producer-ids'), options.files),
    config: {
      transactionStateLogNumPartitions: partitionsOf(TRANSACTIONS_TOPIC, config.get('transaction.state.log.num.partitions')),
      transactionMaxTimeoutMs: config.get('transaction.max.timeout.ms'),
      transactionalIdExpirationMs: config.get('transactional.id.expiration.ms'),
      transactionRemoveExpiredIntervalMs: config.get('transaction.remove.expired.transaction.cleanup.interval.ms'),
    },
    unsyncedLost,
    onChange: (transactionalId) => events.emit('transactionChanged', { transactionalId }),
  })
  events.on('topicDeleted', ({ topic }) => groups.forgetTopic(topic))
  events.on('recordsLost', ({ topic, partition }) => {
    if (topic === GROUPS_TOPIC) groups.recordsLost(partition)
    transactions.recordsLost(topic, partition)
  })
  return { groups, groupConfigs, transactions }
}
