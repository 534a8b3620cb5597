import { ZERO_UUID } from '../../core/base/uuid.ts'
import type { Acl } from '../../core/client/admin/types.ts'
import { apis } from '../../core/protocol/apis.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { batch } from './wire.ts'

export type Needed = readonly [Acl['operation'], Acl['resourceType'], string]

/** What a call needs, one after the other; the error that it answers without; and what it asks. */
export interface Row {
  api: string
  version: number
  needs: readonly Needed[]
  refused: string
  ask: (topicId: string) => object
}

export const CLUSTER = 'kafka-cluster'
export const cluster = (operation: Needed[0]): Needed => [operation, 'cluster', CLUSTER]
export const read: Needed = ['read', 'topic', 't']
export const write: Needed = ['write', 'topic', 't']
const describe: Needed = ['describe', 'topic', 't']
const ofGroup = (operation: Needed[0]): Needed => [operation, 'group', 'g']
const ofId = (operation: Needed[0]): Needed => [operation, 'transactionalId', 'x']

export const TOPIC = 'TOPIC_AUTHORIZATION_FAILED'
export const GROUP = 'GROUP_AUTHORIZATION_FAILED'
const ID = 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'
const WHOLE = 'CLUSTER_AUTHORIZATION_FAILED'

/** No producer has this id, whatever was asked before. */
const NOBODY = 77_777

export const plainBatch = batch(['x'])
const txnBatch = batch(['x'], { producerId: NOBODY, producerEpoch: 0, baseSequence: 0, transactional: true } as never)
const produceOf = (records: Buffer, transactionalId: string | null) => (topicId: string) => ({
  transactionalId,
  acks: 1,
  timeoutMs: 1000,
  topicData: [{ name: 't', topicId, partitionData: [{ index: 0, records }] }],
})
const fetchOf = (topicId: string) => ({
  maxWaitMs: 0,
  minBytes: 0,
  topics: [{ topic: 't', topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }],
})
const commitOf = (topicId: string) => ({
  groupId: 'g',
  topics: [{ name: 't', topicId, partitions: [{ partitionIndex: 0, committedOffset: 0, committedMetadata: '' }] }],
})
const member = { groupId: 'g', memberId: '', generationId: 0 }
const producer = { transactionalId: 'x', producerId: NOBODY, producerEpoch: 0 }
const configOf = (resourceType: number, resourceName: string) => () => ({
  resources: [{ resourceType, resourceName, configurationKeys: [], configs: [] }],
  validateOnly: true,
})
const aclFilter = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: 'User:nobody',
  hostFilter: null,
  operation: 1,
  permissionType: 1,
}
const newAcl = {
  resourceType: 2,
  resourceName: 'q',
  resourcePatternType: 3,
  principal: 'User:q',
  host: '*',
  operation: 3,
  permissionType: 3,
}

/** Kafka's documentation of operations and resources (docs/security.html, "Operations and Resources on Protocols"), call by call. */
export const table: readonly Row[] = [
  { api: 'Produce', version: 9, needs: [write], refused: TOPIC, ask: produceOf(plainBatch, null) },
  { api: 'Produce', version: 13, needs: [write], refused: TOPIC, ask: produceOf(plainBatch, null) },
  { api: 'Produce', version: 9, needs: [ofId('write'), write], refused: ID, ask: produceOf(txnBatch, 'x') },
  { api: 'Fetch', version: 11, needs: [read], refused: TOPIC, ask: fetchOf },
  { api: 'Fetch', version: 16, needs: [read], refused: TOPIC, ask: fetchOf },
  {
    api: 'ListOffsets',
    version: 5,
    needs: [describe],
    refused: TOPIC,
    ask: () => ({ replicaId: -1, isolationLevel: 0, topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1 }] }] }),
  },
  { api: 'Metadata', version: 9, needs: [describe], refused: TOPIC, ask: () => ({ topics: [{ name: 't' }] }) },
  { api: 'Metadata', version: 12, needs: [describe], refused: TOPIC, ask: (topicId) => ({ topics: [{ topicId, name: null }] }) },
  { api: 'Metadata', version: 0, needs: [describe], refused: TOPIC, ask: () => ({ topics: [{ name: 't' }] }) },
  {
    api: 'Metadata',
    version: 9,
    needs: [
      ['describe', 'topic', 'made'],
      ['create', 'topic', 'made'],
    ],
    refused: TOPIC,
    ask: () => ({ topics: [{ name: 'made' }], allowAutoTopicCreation: true }),
  },
  {
    api: 'Metadata',
    version: 9,
    needs: [['describe', 'topic', 'made2'], cluster('create')],
    refused: TOPIC,
    ask: () => ({ topics: [{ name: 'made2' }], allowAutoTopicCreation: true }),
  },
  { api: 'OffsetCommit', version: 8, needs: [ofGroup('read'), read], refused: GROUP, ask: commitOf },
  { api: 'OffsetCommit', version: 10, needs: [ofGroup('read'), read], refused: GROUP, ask: commitOf },
  {
    api: 'OffsetFetch',
    version: 5,
    needs: [ofGroup('describe'), describe],
    refused: GROUP,
    ask: () => ({ groupId: 'g', topics: [{ name: 't', partitionIndexes: [0] }] }),
  },
  {
    api: 'OffsetFetch',
    version: 1,
    needs: [ofGroup('describe'), describe],
    refused: GROUP,
    ask: () => ({ groupId: 'g', topics: [{ name: 't', partitionIndexes: [0] }] }),
  },
  {
    api: 'OffsetFetch',
    version: 9,
    needs: [ofGroup('describe'), describe],
    refused: GROUP,
    ask: () => ({ groups: [{ groupId: 'g', topics: [{ name: 't', partitionIndexes: [0] }] }] }),
  },
  {
    api: 'OffsetFetch',
    version: 10,
    needs: [ofGroup('describe'), describe],
    refused: GROUP,
    ask: (topicId) => ({ groups: [{ groupId: 'g', topics: [{ topicId, partitionIndexes: [0] }] }] }),
  },
  { api: 'FindCoordinator', version: 1, needs: [ofGroup('describe')], refused: GROUP, ask: () => ({ key: 'g', keyType: 0 }) },
  { api: 'FindCoordinator', version: 4, needs: [ofGroup('describe')], refused: GROUP, ask: () => ({ keyType: 0, coordinatorKeys: ['g'] }) },
  { api: 'FindCoordinator', version: 4, needs: [ofId('describe')], refused: ID, ask: () => ({ keyType: 1, coordinatorKeys: ['x'] }) },
  {
    api: 'JoinGroup',
    version: 7,
    needs: [ofGroup('read')],
    refused: GROUP,
    ask: () => ({
      groupId: 'g',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 1000,
      memberId: 'nobody',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
    }),
  },
  { api: 'Heartbeat', version: 4, needs: [ofGroup('read')], refused: GROUP, ask: () => member },
  { api: 'LeaveGroup', version: 1, needs: [ofGroup('read')], refused: GROUP, ask: () => member },
  {
    api: 'LeaveGroup',
    version: 4,
    needs: [ofGroup('read')],
    refused: GROUP,
    ask: () => ({ groupId: 'g', members: [{ memberId: 'nobody', groupInstanceId: null }] }),
  },
  {
    api: 'SyncGroup',
    version: 5,
    needs: [ofGroup('read')],
    refused: GROUP,
    ask: () => ({ ...member, protocolType: 'consumer', protocolName: 'range', assignments: [] }),
  },
  {
    api: 'DescribeGroups',
    version: 5,
    needs: [ofGroup('describe')],
    refused: GROUP,
    ask: () => ({ groups: ['g'], includeAuthorizedOperations: false }),
  },
  { api: 'DeleteGroups', version: 2, needs: [['delete', 'group', 'd']], refused: GROUP, ask: () => ({ groupsNames: ['d'] }) },
  {
    api: 'CreateTopics',
    version: 7,
    needs: [
      ['create', 'topic', 'n'],
      ['describeConfigs', 'topic', 'n'],
    ],
    refused: TOPIC,
    ask: () => ({
      topics: [{ name: 'n', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
      timeoutMs: 1000,
      validateOnly: true,
    }),
  },
  {
    api: 'CreateTopics',
    version: 4,
    needs: [cluster('create')],
    refused: TOPIC,
    ask: () => ({
      topics: [{ name: 'n', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
      timeoutMs: 1000,
      validateOnly: true,
    }),
  },
  {
    api: 'DeleteTopics',
    version: 4,
    needs: [['delete', 'topic', 'n']],
    refused: TOPIC,
    ask: () => ({ topicNames: ['n'], timeoutMs: 1000 }),
  },
  {
    api: 'DeleteTopics',
    version: 6,
    needs: [['delete', 'topic', 'n']],
    refused: TOPIC,
    ask: () => ({ topics: [{ name: 'n', topicId: ZERO_UUID }], timeoutMs: 1000 }),
  },
  {
    api: 'DeleteTopics',
    version: 6,
    needs: [cluster('delete')],
    refused: TOPIC,
    ask: () => ({ topics: [{ name: 'n', topicId: ZERO_UUID }], timeoutMs: 1000 }),
  },
  {
    api: 'DeleteRecords',
    version: 2,
    needs: [['delete', 'topic', 't']],
    refused: TOPIC,
    ask: () => ({ topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: 0 }] }], timeoutMs: 1000 }),
  },
  {
    api: 'CreatePartitions',
    version: 3,
    needs: [['alter', 'topic', 't']],
    refused: TOPIC,
    ask: () => ({ topics: [{ name: 't', count: 1, assignments: null }], timeoutMs: 1000, validateOnly: true }),
  },
  {
    api: 'InitProducerId',
    version: 4,
    needs: [ofId('write')],
    refused: ID,
    ask: () => ({ transactionalId: 'x', transactionTimeoutMs: 1000 }),
  },
  {
    api: 'InitProducerId',
    version: 4,
    needs: [cluster('idempotentWrite')],
    refused: WHOLE,
    ask: () => ({ transactionalId: null, transactionTimeoutMs: 1000 }),
  },
  {
    api: 'InitProducerId',
    version: 4,
    needs: [['write', 'topic', 'anything']],
    refused: WHOLE,
    ask: () => ({ transactionalId: null, transactionTimeoutMs: 1000 }),
  },
  {
    api: 'OffsetForLeaderEpoch',
    version: 4,
    needs: [describe],
    refused: TOPIC,
    ask: () => ({ replicaId: -1, topics: [{ topic: 't', partitions: [{ partition: 0, leaderEpoch: 0 }] }] }),
  },
  {
    api: 'OffsetForLeaderEpoch',
    version: 4,
    needs: [cluster('clusterAction')],
    refused: TOPIC,
    ask: () => ({ replicaId: -1, topics: [{ topic: 't', partitions: [{ partition: 0, leaderEpoch: 0 }] }] }),
  },
  {
    api: 'AddPartitionsToTxn',
    version: 3,
    needs: [ofId('write'), write],
    refused: ID,
    ask: () => ({
      v3AndBelowTransactionalId: 'x',
      v3AndBelowProducerId: NOBODY,
      v3AndBelowProducerEpoch: 0,
      v3AndBelowTopics: [{ name: 't', partitions: [0] }],
    }),
  },
  {
    api: 'AddPartitionsToTxn',
    version: 4,
    needs: [cluster('clusterAction')],
    refused: WHOLE,
    ask: () => ({ transactions: [{ ...producer, verifyOnly: true, topics: [{ name: 't', partitions: [0] }] }] }),
  },
  { api: 'AddOffsetsToTxn', version: 3, needs: [ofId('write'), ofGroup('read')], refused: ID, ask: () => ({ ...producer, groupId: 'g' }) },
  { api: 'EndTxn', version: 3, needs: [ofId('write')], refused: ID, ask: () => ({ ...producer, committed: true }) },
  {
    api: 'TxnOffsetCommit',
    version: 3,
    needs: [ofId('write'), ofGroup('read'), read],
    refused: ID,
    ask: () => ({
      ...producer,
      groupId: 'g',
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 0, committedMetadata: '' }] }],
    }),
  },
  {
    api: 'WriteTxnMarkers',
    version: 1,
    needs: [cluster('clusterAction')],
    refused: WHOLE,
    ask: () => ({
      markers: [
        { producerId: 1, producerEpoch: 0, transactionResult: false, coordinatorEpoch: 0, topics: [{ name: 't', partitionIndexes: [0] }] },
      ],
    }),
  },
  {
    api: 'WriteTxnMarkers',
    version: 1,
    needs: [cluster('alter')],
    refused: WHOLE,
    ask: () => ({
      markers: [
        { producerId: 1, producerEpoch: 0, transactionResult: false, coordinatorEpoch: 0, topics: [{ name: 't', partitionIndexes: [0] }] },
      ],
    }),
  },
  { api: 'DescribeTransactions', version: 0, needs: [ofId('describe')], refused: ID, ask: () => ({ transactionalIds: ['x'] }) },
  { api: 'DescribeProducers', version: 0, needs: [read], refused: TOPIC, ask: () => ({ topics: [{ name: 't', partitionIndexes: [0] }] }) },
  { api: 'DescribeAcls', version: 3, needs: [cluster('describe')], refused: WHOLE, ask: () => aclFilter },
  { api: 'CreateAcls', version: 3, needs: [cluster('alter')], refused: WHOLE, ask: () => ({ creations: [newAcl] }) },
  { api: 'DeleteAcls', version: 3, needs: [cluster('alter')], refused: WHOLE, ask: () => ({ filters: [aclFilter] }) },
  { api: 'DescribeConfigs', version: 4, needs: [['describeConfigs', 'topic', 't']], refused: TOPIC, ask: configOf(2, 't') },
  { api: 'DescribeConfigs', version: 4, needs: [['describeConfigs', 'group', 'g']], refused: GROUP, ask: configOf(32, 'g') },
  { api: 'DescribeConfigs', version: 4, needs: [cluster('describeConfigs')], refused: WHOLE, ask: configOf(4, '1') },
  { api: 'DescribeConfigs', version: 4, needs: [cluster('describeConfigs')], refused: WHOLE, ask: configOf(8, '1') },
  { api: 'DescribeConfigs', version: 4, needs: [cluster('describeConfigs')], refused: WHOLE, ask: configOf(16, 'm') },
  { api: 'IncrementalAlterConfigs', version: 1, needs: [['alterConfigs', 'topic', 't']], refused: TOPIC, ask: configOf(2, 't') },
  { api: 'IncrementalAlterConfigs', version: 1, needs: [['alterConfigs', 'group', 'g']], refused: GROUP, ask: configOf(32, 'g') },
  { api: 'IncrementalAlterConfigs', version: 1, needs: [cluster('alterConfigs')], refused: WHOLE, ask: configOf(4, '1') },
  { api: 'IncrementalAlterConfigs', version: 1, needs: [cluster('alterConfigs')], refused: WHOLE, ask: configOf(8, '1') },
  { api: 'IncrementalAlterConfigs', version: 1, needs: [cluster('alterConfigs')], refused: WHOLE, ask: configOf(16, 'm') },
  { api: 'AlterConfigs', version: 2, needs: [['alterConfigs', 'topic', 't']], refused: TOPIC, ask: configOf(2, 't') },
  { api: 'AlterConfigs', version: 2, needs: [['alterConfigs', 'group', 'g']], refused: GROUP, ask: configOf(32, 'g') },
  { api: 'AlterConfigs', version: 2, needs: [cluster('alterConfigs')], refused: WHOLE, ask: configOf(4, '1') },
  {
    api: 'OffsetDelete',
    version: 0,
    needs: [ofGroup('delete'), read],
    refused: GROUP,
    ask: () => ({ groupId: 'g', topics: [{ name: 't', partitions: [{ partitionIndex: 0 }] }] }),
  },
  {
    api: 'DescribeUserScramCredentials',
    version: 0,
    needs: [cluster('describe')],
    refused: WHOLE,
    ask: () => ({ users: [{ name: 'q' }] }),
  },
  {
    api: 'AlterUserScramCredentials',
    version: 0,
    needs: [cluster('alter')],
    refused: WHOLE,
    ask: () => ({ deletions: [{ name: 'q', mechanism: 1 }], upsertions: [] }),
  },
  {
    api: 'ConsumerGroupDescribe',
    version: 0,
    needs: [ofGroup('describe')],
    refused: GROUP,
    ask: () => ({ groupIds: ['g'], includeAuthorizedOperations: false }),
  },
  {
    api: 'ConsumerGroupHeartbeat',
    version: 0,
    needs: [['read', 'group', 'h'], describe],
    refused: GROUP,
    ask: () => ({
      groupId: 'h',
      memberId: 'nobody',
      memberEpoch: 5,
      rebalanceTimeoutMs: 1000,
      subscribedTopicNames: ['t'],
      topicPartitions: [],
    }),
  },
  {
    api: 'AlterReplicaLogDirs',
    version: 2,
    needs: [cluster('alter')],
    refused: WHOLE,
    ask: () => ({ dirs: [{ path: '/nowhere', topics: [{ name: 't', partitions: [0] }] }] }),
  },
  { api: 'DescribeLogDirs', version: 4, needs: [cluster('describe')], refused: WHOLE, ask: () => ({ topics: null }) },
  {
    api: 'DescribeClientQuotas',
    version: 1,
    needs: [cluster('describeConfigs')],
    refused: WHOLE,
    ask: () => ({ components: [], strict: false }),
  },
  {
    api: 'AlterClientQuotas',
    version: 1,
    needs: [cluster('alterConfigs')],
    refused: WHOLE,
    ask: () => ({
      entries: [
        { entity: [{ entityType: 'user', entityName: 'q' }], ops: [{ key: 'producer_byte_rate', value: 1_000_000, remove: false }] },
      ],
      validateOnly: true,
    }),
  },
  {
    api: 'ElectLeaders',
    version: 0,
    needs: [cluster('alter')],
    refused: WHOLE,
    ask: () => ({ topicPartitions: [{ topic: 't', partitions: [0] }], timeoutMs: 1000 }),
  },
  {
    api: 'ElectLeaders',
    version: 2,
    needs: [cluster('alter')],
    refused: WHOLE,
    ask: () => ({ electionType: 0, topicPartitions: [{ topic: 't', partitions: [0] }], timeoutMs: 1000 }),
  },
  {
    api: 'AlterPartitionReassignments',
    version: 0,
    needs: [cluster('alter')],
    refused: WHOLE,
    ask: () => ({ timeoutMs: 1000, topics: [] }),
  },
  {
    api: 'ListPartitionReassignments',
    version: 0,
    needs: [cluster('describe')],
    refused: WHOLE,
    ask: () => ({ timeoutMs: 1000, topics: null }),
  },
  {
    api: 'DescribeQuorum',
    version: 2,
    needs: [cluster('describe')],
    refused: WHOLE,
    ask: () => ({ topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] }),
  },
  {
    api: 'UpdateFeatures',
    version: 1,
    needs: [cluster('alter')],
    refused: WHOLE,
    ask: () => ({ timeoutMs: 1000, featureUpdates: [], validateOnly: true }),
  },
  { api: 'UnregisterBroker', version: 0, needs: [cluster('alter')], refused: WHOLE, ask: () => ({ brokerId: 77 }) },
  { api: 'ListConfigResources', version: 0, needs: [cluster('describeConfigs')], refused: WHOLE, ask: () => ({}) },
  {
    api: 'DescribeTopicPartitions',
    version: 0,
    needs: [describe],
    refused: TOPIC,
    ask: () => ({ topics: [{ name: 't' }], responsePartitionLimit: 100, cursor: null }),
  },
]

/** Every code in an answer. */
export function codesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(codesIn)
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return []
  return Object.entries(value).flatMap(([key, each]) => (/ErrorCode$|^errorCode$/.test(key) ? [errorName(each as number)] : codesIn(each)))
}

export const aclOf = ([operation, resourceType, resourceName]: Needed, permission: 'allow' | 'deny' = 'allow'): Acl => ({
  principal: 'User:alice',
  operation,
  resourceType,
  resourceName,
  permission,
})

export const byName = new Map(apis.map((each) => [each.name, each]))
