import type { Admin } from '../../core/index.ts'
import { at } from './admin-kit.ts'

type MethodName = { [K in keyof Admin]: Admin[K] extends (...args: never[]) => unknown ? K : never }[keyof Admin]

const TOPIC = 'every'
const GROUP = 'group'
const ID = 'transactional'
const ACL = { resourceType: 'topic', resourceName: TOPIC, principal: 'User:a', operation: 'read' } as const
const USER = { user: 'a', mechanism: 'SCRAM-SHA-256' } as const

/** Every method of `admin`, called once in this order; some of them fail, which does not matter to what they ask for. */
export const adminMethods: Readonly<Record<MethodName, (admin: Admin) => Promise<unknown>>> = {
  createTopics: (admin) => admin.createTopics([{ name: TOPIC }]),
  listTopics: (admin) => admin.listTopics(),
  describeTopics: (admin) => admin.describeTopics([TOPIC]),
  createPartitions: (admin) => admin.createPartitions([{ topic: TOPIC, count: 2 }]),
  listOffsets: (admin) => admin.listOffsets([{ ...at(TOPIC), at: 'latest' }]),
  deleteRecords: (admin) => admin.deleteRecords([{ ...at(TOPIC), offset: -1 }]),
  describeProducers: (admin) => admin.describeProducers([at(TOPIC)]),
  describeConfigs: (admin) => admin.describeConfigs([{ type: 'topic', name: TOPIC }]),
  incrementalAlterConfigs: (admin) => admin.incrementalAlterConfigs([{ type: 'topic', name: TOPIC, set: { 'retention.ms': 1 } }]),
  listConfigResources: (admin) => admin.listConfigResources(),
  alterConsumerGroupOffsets: (admin) => admin.alterConsumerGroupOffsets(GROUP, [{ ...at(TOPIC), offset: 0 }]),
  listConsumerGroupOffsets: (admin) => admin.listConsumerGroupOffsets(GROUP),
  listGroups: (admin) => admin.listGroups(),
  describeConsumerGroups: (admin) => admin.describeConsumerGroups([GROUP]),
  describeClassicGroups: (admin) => admin.describeClassicGroups([GROUP]),
  removeMembersFromConsumerGroup: (admin) => admin.removeMembersFromConsumerGroup(GROUP, [{ memberId: 'nobody' }]),
  deleteConsumerGroupOffsets: (admin) => admin.deleteConsumerGroupOffsets(GROUP, [at(TOPIC)]),
  deleteConsumerGroups: (admin) => admin.deleteConsumerGroups([GROUP]),
  fenceProducers: (admin) => admin.fenceProducers([ID]),
  forceTerminateTransaction: (admin) => admin.forceTerminateTransaction(ID),
  listTransactions: (admin) => admin.listTransactions(),
  describeTransactions: (admin) => admin.describeTransactions([ID]),
  abortTransaction: (admin) => admin.abortTransaction({ ...at(TOPIC), producerId: 0, producerEpoch: 0, coordinatorEpoch: 0 }),
  createAcls: (admin) => admin.createAcls([ACL]),
  describeAcls: (admin) => admin.describeAcls(),
  deleteAcls: (admin) => admin.deleteAcls([{ principal: 'User:a' }]),
  alterUserScramCredentials: (admin) => admin.alterUserScramCredentials([{ ...USER, password: 'secret' }]),
  describeUserScramCredentials: (admin) => admin.describeUserScramCredentials(),
  createDelegationToken: (admin) => admin.createDelegationToken(),
  renewDelegationToken: (admin) => admin.renewDelegationToken(Buffer.alloc(1)),
  expireDelegationToken: (admin) => admin.expireDelegationToken(Buffer.alloc(1)),
  describeDelegationToken: (admin) => admin.describeDelegationToken(),
  alterClientQuotas: (admin) => admin.alterClientQuotas([{ entity: { user: 'a' }, set: { request_percentage: 1 } }]),
  describeClientQuotas: (admin) => admin.describeClientQuotas(),
  electLeaders: (admin) => admin.electLeaders('preferred', [at(TOPIC)]),
  alterPartitionReassignments: (admin) => admin.alterPartitionReassignments([{ ...at(TOPIC), replicas: [1] }]),
  listPartitionReassignments: (admin) => admin.listPartitionReassignments(),
  describeLogDirs: (admin) => admin.describeLogDirs(),
  describeReplicaLogDirs: (admin) => admin.describeReplicaLogDirs([{ ...at(TOPIC), brokerId: 1 }]),
  alterReplicaLogDirs: (admin) => admin.alterReplicaLogDirs([{ ...at(TOPIC), brokerId: 1, logDir: '/nowhere' }]),
  describeCluster: (admin) => admin.describeCluster(),
  describeFeatures: (admin) => admin.describeFeatures(),
  updateFeatures: (admin) => admin.updateFeatures([{ feature: 'group.version', maxVersionLevel: 1 }]),
  describeMetadataQuorum: (admin) => admin.describeMetadataQuorum(),
  unregisterBroker: (admin) => admin.unregisterBroker(77),
  deleteTopics: (admin) => admin.deleteTopics([TOPIC]),
}

/** What Kafka answers and our broker does not: tested against Kafka. */
export const notServed: ReadonlySet<string> = new Set([
  'createDelegationToken',
  'renewDelegationToken',
  'expireDelegationToken',
  'describeDelegationToken',
])

/** What a broker answers that no administrator asks for, and who does. */
export const notForAdministrators: Readonly<Record<string, string>> = {
  Produce: 'producers',
  AddPartitionsToTxn: 'producers',
  AddOffsetsToTxn: 'producers',
  TxnOffsetCommit: 'producers',
  EndTxn: 'producers',
  Fetch: 'consumers',
  OffsetForLeaderEpoch: 'consumers',
  JoinGroup: 'members of groups',
  SyncGroup: 'members of groups',
  Heartbeat: 'members of groups',
  ConsumerGroupHeartbeat: 'members of groups',
  SaslHandshake: 'every connection',
  SaslAuthenticate: 'every connection',
  GetTelemetrySubscriptions: 'the client itself',
  PushTelemetry: 'the client itself',
}

/** For brokers that only replace all settings: `incrementalAlterConfigs` falls back on it. */
export const FALLBACK = 'AlterConfigs'
