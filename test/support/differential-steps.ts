import type { Api } from '../../core/protocol/api.ts'
import { AlterClientQuotas } from '../../core/protocol/messages/alter-client-quotas.ts'
import { AlterConfigs } from '../../core/protocol/messages/alter-configs.ts'
import { AlterPartitionReassignments } from '../../core/protocol/messages/alter-partition-reassignments.ts'
import { AlterReplicaLogDirs } from '../../core/protocol/messages/alter-replica-log-dirs.ts'
import { CreatePartitions } from '../../core/protocol/messages/create-partitions.ts'
import { CreateTopics } from '../../core/protocol/messages/create-topics.ts'
import { DeleteRecords } from '../../core/protocol/messages/delete-records.ts'
import { DeleteTopics } from '../../core/protocol/messages/delete-topics.ts'
import { DescribeClientQuotas } from '../../core/protocol/messages/describe-client-quotas.ts'
import { DescribeCluster } from '../../core/protocol/messages/describe-cluster.ts'
import { DescribeConfigs } from '../../core/protocol/messages/describe-configs.ts'
import { DescribeLogDirs } from '../../core/protocol/messages/describe-log-dirs.ts'
import { DescribeProducers } from '../../core/protocol/messages/describe-producers.ts'
import { DescribeTransactions } from '../../core/protocol/messages/describe-transactions.ts'
import { DescribeTopicPartitions } from '../../core/protocol/messages/describe-topic-partitions.ts'
import { ElectLeaders } from '../../core/protocol/messages/elect-leaders.ts'
import { Fetch } from '../../core/protocol/messages/fetch.ts'
import { IncrementalAlterConfigs } from '../../core/protocol/messages/incremental-alter-configs.ts'
import { InitProducerId } from '../../core/protocol/messages/init-producer-id.ts'
import { ListConfigResources } from '../../core/protocol/messages/list-config-resources.ts'
import { ListOffsets } from '../../core/protocol/messages/list-offsets.ts'
import { ListPartitionReassignments } from '../../core/protocol/messages/list-partition-reassignments.ts'
import { ListTransactions } from '../../core/protocol/messages/list-transactions.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import { OffsetForLeaderEpoch } from '../../core/protocol/messages/offset-for-leader-epoch.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { UnregisterBroker } from '../../core/protocol/messages/unregister-broker.ts'
import { batch } from './wire.ts'
import type { Side, Step } from './differential.ts'

/** Draws from a list. */
export type Pick = <T>(...from: readonly T[]) => T

/**
 * When the first records were written, in milliseconds since 1970: not long ago, so that none is too old to be kept. Kafka deletes what is whenever a
 * setting of its cleaner changes, we at the next look.
 */
const WRITTEN_AT = Date.now() - 20 * 60_000
const ZERO = 'AAAAAAAAAAAAAAAAAAAAAA'
const UNKNOWN_ID = 'Zm9vYmFyYmF6cXV4MTIzNA'
const TOPICS = ['alpha', 'beta', 'gamma', 'delta'] as const
const NAMES = [...TOPICS, ...TOPICS, 'nope', 'a b', '', '..'] as const

/** No compression by the broker: two libraries compress to different bytes. */
const TOPIC_CONFIGS: readonly (readonly [string, string | null])[] = [
  ['retention.ms', '3600000'],
  ['retention.ms', '-1'],
  ['retention.ms', '-7'],
  ['retention.ms', 'soon'],
  ['retention.ms', null],
  ['cleanup.policy', 'compact'],
  ['cleanup.policy', 'compact,delete'],
  ['cleanup.policy', 'keep'],
  ['segment.bytes', '1048576'],
  ['segment.bytes', '1'],
  ['compression.type', 'uncompressed'],
  ['compression.type', 'zip'],
  ['min.cleanable.dirty.ratio', '0.2'],
  ['min.cleanable.dirty.ratio', '2'],
  ['preallocate', 'maybe'],
  ['max.message.bytes', '2000'],
  ['leader.replication.throttled.replicas', '*'],
  ['no.such.setting', '1'],
]

const BROKER_CONFIGS: readonly (readonly [string, string | null])[] = [
  ['log.retention.ms', '86400000'],
  ['log.retention.ms', 'long'],
  ['log.cleanup.policy', 'compact'],
  ['log.segment.bytes', '2097152'],
  ['message.max.bytes', '500000'],
  ['num.io.threads', '8'],
  ['num.partitions', '3'],
  ['log.retention.hours', '5'],
  ['max.connections', '5000'],
  ['compression.type', 'producer'],
  ['log.cleaner.threads', '1'],
  ['log.cleaner.threads', '2'],
  ['log.cleaner.threads', '9'],
  ['log.cleaner.backoff.ms', '1000'],
  ['log.cleaner.dedupe.buffer.size', '1000'],
  ['log.cleaner.io.buffer.load.factor', '0.8'],
  ['max.connections.per.ip', '1000'],
  ['max.connections.per.ip.overrides', 'nowhere'],
  ['no.such.setting', '1'],
]

const GROUP_CONFIGS: readonly (readonly [string, string | null])[] = [
  ['consumer.session.timeout.ms', '50000'],
  ['consumer.session.timeout.ms', '1'],
  ['consumer.session.timeout.ms', '60001'],
  ['consumer.heartbeat.interval.ms', '6000'],
  ['consumer.heartbeat.interval.ms', 'often'],
  ['consumer.heartbeat.interval.ms', null],
  ['no.such.setting', '1'],
]

const QUOTA_KEYS = [
  'producer_byte_rate',
  'consumer_byte_rate',
  'request_percentage',
  'controller_mutation_rate',
  'connection_creation_rate',
  'nonsense',
]

/** One random step. Quotas are far too high to slow anything down. */
export function randomStep(pick: Pick): Step {
  return pick(...makers)(pick)
}

const makers: readonly ((pick: Pick) => Step)[] = [
  createTopics,
  createTopics,
  produce,
  produce,
  produce,
  fetch,
  fetch,
  listOffsets,
  listOffsets,
  metadata,
  metadata,
  incrementalTopic,
  incrementalTopic,
  incrementalBroker,
  incrementalBroker,
  incrementalGroup,
  alterTopic,
  describeConfigs,
  describeConfigs,
  describeBrokerConfigs,
  describeGroupConfigs,
  createPartitions,
  deleteTopics,
  deleteRecords,
  describeTopicPartitions,
  describeLogDirs,
  alterQuotas,
  describeQuotas,
  administration,
  administration,
  offsetForLeaderEpoch,
]

function step(api: Api, version: number, reads: boolean, body: object | ((side: Side) => object)): Step {
  return { api, version, reads, body: typeof body === 'function' ? (body as (side: Side) => object) : () => body }
}

function createTopics(pick: Pick): Step {
  const name = pick(...NAMES)
  const placed = pick(false, false, false, true)
  const topic = {
    name,
    numPartitions: placed ? pick(-1, -1, 2) : pick(1, 1, 2, 3, -1, 0),
    replicationFactor: placed ? -1 : pick(1, 1, 1, -1, 2, 0),
    assignments: placed
      ? pick([0, 1], [0], [0, 2], [1]).map((partitionIndex) => ({ partitionIndex, brokerIds: pick([1], [1], [1], [2], [1, 1], []) }))
      : [],
    configs: pick(0, 0, 1, 2) > 0 ? [named(pick(...TOPIC_CONFIGS))] : [],
  }
  const topics = pick(1, 1, 1, 2) === 2 ? [topic, { ...topic, name: pick(...NAMES) }] : [topic]
  return step(CreateTopics, pick(4, 5, 6, 7), false, { topics, timeoutMs: 5000, validateOnly: pick(false, false, true) })
}

function named([name, value]: readonly [string, string | null]): { name: string; value: string | null } {
  return { name, value }
}

function deleteTopics(pick: Pick): Step {
  const version = pick(3, 4, 5, 6)
  const name = pick(...NAMES)
  if (version < 6) return step(DeleteTopics, version, false, { topicNames: [name], timeoutMs: 5000 })
  const byId = pick(true, false)
  return step(DeleteTopics, version, false, (side) => ({
    topics: [byId ? { name: null, topicId: side.ids.get(name) ?? UNKNOWN_ID } : { name, topicId: ZERO }],
    timeoutMs: 5000,
  }))
}

function createPartitions(pick: Pick): Step {
  const assignments = pick(null, null, [{ brokerIds: [1] }], [{ brokerIds: [2] }], [{ brokerIds: [] }])
  const topics = [{ name: pick(...NAMES), count: pick(1, 2, 3, 4, 0, -1), assignments }]
  return step(CreatePartitions, pick(0, 1, 2, 3), false, { topics, timeoutMs: 5000, validateOnly: pick(false, true) })
}

function metadata(pick: Pick): Step {
  const version = pick(4, 5, 7, 8, 9, 10, 12, 13)
  const topics = pick(null, [pick(...NAMES), pick(...NAMES)])
  return step(Metadata, version, true, {
    topics: topics && [...new Set(topics)].map((name) => ({ name })),
    allowAutoTopicCreation: false,
    includeTopicAuthorizedOperations: pick(true, false) && version >= 8,
  })
}

function produce(pick: Pick): Step {
  const version = pick(3, 5, 7, 8, 9, 11, 12, 13)
  const name = pick(...NAMES.slice(0, 9))
  const count = pick(1, 2, 5)
  const damage = pick(0, 0, 0, 0, 0, 0, 0, 1)
  const values = Array.from({ length: count }, () => pick('x', 'yy', 'zzz'.repeat(10), 'w'.repeat(3000)))
  const records = batch(values, {}, WRITTEN_AT + pick(0, 1000, 5000))
  if (damage === 1) records[records.length - 1]! ^= 1
  const index = pick(0, 0, 0, 1, 7)
  return step(Produce, version, false, (side) => ({
    acks: -1,
    timeoutMs: 5000,
    topicData: [{ name, topicId: side.ids.get(name) ?? UNKNOWN_ID, partitionData: [{ index, records: Buffer.from(records) }] }],
  }))
}

function fetch(pick: Pick): Step {
  const version = pick(4, 5, 7, 9, 11, 12, 13, 16, 17)
  const topic = pick(...NAMES.slice(0, 9))
  const partition = pick(0, 0, 1, 7)
  const fetchOffset = pick(0, 0, 1, 3, 9, -1)
  const isolationLevel = pick(0, 1)
  const partitionMaxBytes = pick(1, 200, 1 << 20)
  return step(Fetch, version, true, (side) => ({
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1 << 20,
    isolationLevel,
    topics: [
      {
        topic,
        topicId: side.ids.get(topic) ?? UNKNOWN_ID,
        partitions: [{ partition, fetchOffset, partitionMaxBytes, currentLeaderEpoch: -1 }],
      },
    ],
  }))
}

function listOffsets(pick: Pick): Step {
  const version = pick(1, 2, 4, 5, 6, 7, 8, 9, 10)
  const timestamp = pick(
    -1,
    -2,
    0,
    WRITTEN_AT,
    WRITTEN_AT + 1000,
    WRITTEN_AT + 900_000,
    ...(version >= 7 ? [-3] : []),
    ...(version >= 8 ? [-4] : []),
    ...(version >= 9 ? [-5] : []),
  )
  const partitions = [{ partitionIndex: pick(0, 0, 1, 7), timestamp, currentLeaderEpoch: -1 }]
  return step(ListOffsets, version, true, {
    replicaId: -1,
    isolationLevel: version >= 2 ? pick(0, 1) : 0,
    topics: [{ name: pick(...NAMES.slice(0, 9)), partitions }],
  })
}

function offsetForLeaderEpoch(pick: Pick): Step {
  const partitions = [{ partition: pick(0, 0, 1, 7), leaderEpoch: pick(0, 0, 1, 5), currentLeaderEpoch: -1 }]
  return step(OffsetForLeaderEpoch, pick(2, 3, 4), true, { replicaId: -2, topics: [{ topic: pick(...NAMES.slice(0, 9)), partitions }] })
}

function deleteRecords(pick: Pick): Step {
  const partitions = [{ partitionIndex: pick(0, 0, 1, 7), offset: pick(0, 1, 2, -1, 100, -5) }]
  return step(DeleteRecords, pick(0, 1, 2), false, { topics: [{ name: pick(...NAMES.slice(0, 9)), partitions }], timeoutMs: 5000 })
}

function incrementalTopic(pick: Pick): Step {
  return incremental(pick, 2, pick(...NAMES), TOPIC_CONFIGS)
}

function incrementalBroker(pick: Pick): Step {
  return incremental(pick, 4, pick('1', '', '1', '', '7', 'x'), BROKER_CONFIGS)
}

function incrementalGroup(pick: Pick): Step {
  return incremental(pick, 32, pick('g', 'h', 'g', ''), GROUP_CONFIGS)
}

function incremental(pick: Pick, resourceType: number, resourceName: string, table: readonly (readonly [string, string | null])[]): Step {
  const configs = Array.from({ length: pick(1, 1, 2) }, () => ({ ...named(pick(...table)), configOperation: pick(0, 0, 0, 1, 2, 3) }))
  const change = configs.map((config) => (config.configOperation === 1 ? { ...config, value: null } : config))
  return step(IncrementalAlterConfigs, pick(0, 1), false, {
    resources: [{ resourceType, resourceName, configs: change }],
    validateOnly: pick(false, false, true),
  })
}

function alterTopic(pick: Pick): Step {
  const configs = Array.from({ length: pick(0, 1, 2) }, () => named(pick(...TOPIC_CONFIGS)))
  return step(AlterConfigs, pick(0, 1, 2), false, {
    resources: [{ resourceType: 2, resourceName: pick(...NAMES), configs }],
    validateOnly: pick(false, true),
  })
}

function describeConfigs(pick: Pick): Step {
  const [resourceType, resourceName] = pick([2, pick(...NAMES)], [2, pick(...TOPICS)], [16, pick('m', '')], [4, '7'], [4, 'x'])
  return describe(pick, resourceType as number, resourceName as string, null)
}

/** Named ones only: all of them are compared by a test of their own. */
function describeBrokerConfigs(pick: Pick): Step {
  return describe(pick, 4, pick('1', '1', ''), [...new Set(BROKER_CONFIGS.map(([name]) => name))])
}

/** The one that is left out has another default here. */
function describeGroupConfigs(pick: Pick): Step {
  return describe(pick, 32, pick('g', 'h', ''), [...new Set(GROUP_CONFIGS.map(([name]) => name))])
}

function describe(pick: Pick, resourceType: number, resourceName: string, configurationKeys: string[] | null): Step {
  const version = pick(1, 2, 3, 4)
  const resources = [{ resourceType, resourceName, configurationKeys }]
  return step(DescribeConfigs, version, true, { resources, includeSynonyms: true })
}

function describeTopicPartitions(pick: Pick): Step {
  const cursor = pick(null, null, { topicName: pick(...TOPICS), partitionIndex: pick(0, 1, 2) })
  const topics = pick([], [pick(...NAMES.slice(0, 9)), pick(...TOPICS)])
  return step(DescribeTopicPartitions, 0, true, {
    topics: topics.map((name) => ({ name })),
    responsePartitionLimit: pick(1, 2, 100),
    cursor,
  })
}

function describeLogDirs(pick: Pick): Step {
  const topics = [{ topic: pick(...NAMES.slice(0, 9)), partitions: [0, pick(1, 7)] }]
  return step(DescribeLogDirs, pick(1, 2, 3, 4, 5), true, { topics })
}

function entity(pick: Pick): { entityType: string; entityName: string | null }[] {
  const user = { entityType: 'user', entityName: pick('u1', 'u2', null, '') }
  const client = { entityType: 'client-id', entityName: pick('c1', 'c2', null) }
  return pick(
    [user],
    [client],
    [user, client],
    [{ entityType: 'ip', entityName: pick('10.1.2.3', null, 'no address') }],
    [{ entityType: 'planet', entityName: 'x' }],
    [],
  )
}

function alterQuotas(pick: Pick): Step {
  const ops = [{ key: pick(...QUOTA_KEYS), value: pick(1e9, 2e9, 1e9, 0, -1, 1e9 + 0.5), remove: pick(false, false, true) }]
  return step(AlterClientQuotas, pick(0, 1), false, { entries: [{ entity: entity(pick), ops }], validateOnly: pick(false, false, true) })
}

function describeQuotas(pick: Pick): Step {
  const component = (): object => {
    const matchType = pick(0, 0, 1, 2)
    return {
      entityType: pick('user', 'client-id', 'ip', 'user', ''),
      matchType,
      match: matchType === 0 ? pick('u1', 'c1', '10.1.2.3', null) : pick(null, null, 'u1'),
    }
  }
  const components = Array.from({ length: pick(0, 1, 1, 2) }, component)
  return step(DescribeClientQuotas, pick(0, 1), true, { components, strict: pick(false, true) })
}

function administration(pick: Pick): Step {
  const topic = pick(...NAMES.slice(0, 9))
  const partition = pick(0, 0, 1, 7)
  const calls: (() => Step)[] = [
    () => step(DescribeCluster, pick(0, 1, 2), true, { includeClusterAuthorizedOperations: pick(true, false) }),
    () =>
      step(ElectLeaders, pick(0, 1, 2), false, { electionType: 0, topicPartitions: [{ topic, partitions: [partition] }], timeoutMs: 5000 }),
    () =>
      step(AlterPartitionReassignments, pick(0, 1), false, {
        timeoutMs: 5000,
        topics: [{ name: topic, partitions: [{ partitionIndex: partition, replicas: pick(null, [1], [2], [], [1, 1], [-1]) }] }],
      }),
    () =>
      step(ListPartitionReassignments, 0, true, { timeoutMs: 5000, topics: pick(null, [{ name: topic, partitionIndexes: [partition] }]) }),
    () => step(UnregisterBroker, 0, false, { brokerId: 77 }),
    () =>
      step(AlterReplicaLogDirs, pick(1, 2), false, {
        dirs: [{ path: '/no/such/dir', topics: [{ name: topic, partitions: [partition] }] }],
      }),
    () => step(ListConfigResources, 1, true, { resourceTypes: pick([2], [4], [8], [16], [32], [99]) }),
    () => step(DescribeProducers, 0, true, { topics: [{ name: topic, partitionIndexes: [partition] }] }),
    () => listTransactions(pick),
    () => step(DescribeTransactions, 0, true, { transactionalIds: [pick('t1', 't2', 'unknown', '')] }),
    () => initProducerId(pick),
    () => initProducerId(pick),
  ]
  return pick(...calls)()
}

function listTransactions(pick: Pick): Step {
  const version = pick(0, 1, 2)
  return step(ListTransactions, version, true, {
    stateFilters: pick([], [], ['Ongoing'], ['Empty'], ['Nonsense']),
    producerIdFilters: pick([], [], [987_654]),
    ...(version >= 1 && { durationFilter: pick(-1, 0, 1_000_000) }),
    ...(version >= 2 && { transactionalIdPattern: pick(null, 't.*', '2', '(', '') }),
  })
}

function initProducerId(pick: Pick): Step {
  const version = pick(2, 3, 4, 5)
  const [producerId, producerEpoch] = pick([-1, -1], [-1, -1], [-1, 3], [987_654, 0]) as [number, number]
  return step(InitProducerId, version, false, {
    transactionalId: pick('t1', 't2', 't1', '', null),
    transactionTimeoutMs: pick(60_000, 60_000, 0, 2_000_000_000),
    ...(version >= 3 && { producerId, producerEpoch }),
  })
}
