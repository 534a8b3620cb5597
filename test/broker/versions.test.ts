import test from 'ava'

import type { Channel } from '../../core/net/channel.ts'
import { handlers } from '../../core/broker/handlers.ts'
import type { Api } from '../../core/protocol/api.ts'
import { errorCode } from '../../core/protocol/errors.ts'
import { AlterClientQuotas } from '../../core/protocol/messages/alter-client-quotas.ts'
import { AlterConfigs } from '../../core/protocol/messages/alter-configs.ts'
import { AlterPartitionReassignments } from '../../core/protocol/messages/alter-partition-reassignments.ts'
import { AlterReplicaLogDirs } from '../../core/protocol/messages/alter-replica-log-dirs.ts'
import { ApiVersions } from '../../core/protocol/messages/api-versions.ts'
import { CreatePartitions } from '../../core/protocol/messages/create-partitions.ts'
import { CreateTopics } from '../../core/protocol/messages/create-topics.ts'
import { DeleteRecords } from '../../core/protocol/messages/delete-records.ts'
import { DeleteTopics } from '../../core/protocol/messages/delete-topics.ts'
import { DescribeClientQuotas } from '../../core/protocol/messages/describe-client-quotas.ts'
import { DescribeCluster } from '../../core/protocol/messages/describe-cluster.ts'
import { DescribeConfigs } from '../../core/protocol/messages/describe-configs.ts'
import { DescribeLogDirs } from '../../core/protocol/messages/describe-log-dirs.ts'
import { DescribeProducers } from '../../core/protocol/messages/describe-producers.ts'
import { DescribeQuorum } from '../../core/protocol/messages/describe-quorum.ts'
import { DescribeTopicPartitions } from '../../core/protocol/messages/describe-topic-partitions.ts'
import { ElectLeaders } from '../../core/protocol/messages/elect-leaders.ts'
import { Fetch } from '../../core/protocol/messages/fetch.ts'
import { GetTelemetrySubscriptions } from '../../core/protocol/messages/get-telemetry-subscriptions.ts'
import { IncrementalAlterConfigs } from '../../core/protocol/messages/incremental-alter-configs.ts'
import { ListConfigResources } from '../../core/protocol/messages/list-config-resources.ts'
import { ListOffsets } from '../../core/protocol/messages/list-offsets.ts'
import { ListPartitionReassignments } from '../../core/protocol/messages/list-partition-reassignments.ts'
import { ListTransactions } from '../../core/protocol/messages/list-transactions.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import { OffsetForLeaderEpoch } from '../../core/protocol/messages/offset-for-leader-epoch.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { PushTelemetry } from '../../core/protocol/messages/push-telemetry.ts'
import { UnregisterBroker } from '../../core/protocol/messages/unregister-broker.ts'
import { UpdateFeatures } from '../../core/protocol/messages/update-features.ts'
import { WriteTxnMarkers } from '../../core/protocol/messages/write-txn-markers.ts'
import { startBroker } from '../support/start-broker.ts'
import { batch, createTopic, open, produce } from '../support/wire.ts'

const UNKNOWN_ID = 'Zm9vYmFyYmF6cXV4MTIzNA'
const partition = (extra: object): object[] => [{ partition: 0, partitionIndex: 0, ...extra }]

/** For each call requests that succeed and requests that fail: both must have an answer that the version can carry. */
function requests(topicId: string): [Api, (version: number) => object[]][] {
  const fetched = partition({ fetchOffset: 0, partitionMaxBytes: 1000 })
  return [
    [ApiVersions, () => [{ clientSoftwareName: 'a', clientSoftwareVersion: '1' }]],
    [Metadata, (version) => [{ topics: version === 0 ? [] : null }, { topics: [{ name: 'a' }, { name: 'bad name' }] }]],
    [
      Produce,
      () => [
        { acks: -1, timeoutMs: 1, topicData: [{ name: 'a', topicId, partitionData: [{ index: 0, records: batch(['x']) }] }] },
        { acks: -1, timeoutMs: 1, topicData: [{ name: 'no', topicId: UNKNOWN_ID, partitionData: [{ index: 0, records: batch(['x']) }] }] },
      ],
    ],
    [
      Fetch,
      () => [
        { maxWaitMs: 0, minBytes: 1, isolationLevel: 1, topics: [{ topic: 'a', topicId, partitions: fetched }] },
        { maxWaitMs: 0, minBytes: 1, topics: [{ topic: 'no', topicId: UNKNOWN_ID, partitions: fetched }] },
      ],
    ],
    [
      ListOffsets,
      (version) =>
        ['a', 'no'].map((name) => ({
          replicaId: -1,
          topics: [{ name, partitions: partition({ timestamp: -1, ...(version === 0 && { maxNumOffsets: 1 }) }) }],
        })),
    ],
    [OffsetForLeaderEpoch, () => ['a', 'no'].map((topic) => ({ topics: [{ topic, partitions: partition({ leaderEpoch: 0 }) }] }))],
    [
      CreateTopics,
      (version) =>
        ['a', `b${version}`].map((name) => ({
          topics: [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
          timeoutMs: 1,
        })),
    ],
    [
      DeleteTopics,
      (version) =>
        version < 6
          ? [{ topicNames: ['no', `b${version}`], timeoutMs: 1 }]
          : [
              {
                topics: [
                  { name: null, topicId: UNKNOWN_ID },
                  { name: `b${version}`, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' },
                ],
                timeoutMs: 1,
              },
            ],
    ],
    [
      DescribeConfigs,
      () =>
        ['a', 'no'].map((resourceName) => ({
          resources: [{ resourceType: 2, resourceName, configurationKeys: null }],
        })),
    ],
    [
      CreatePartitions,
      () => ['a', 'no'].map((name) => ({ topics: [{ name, count: 2, assignments: null }], timeoutMs: 1, validateOnly: true })),
    ],
    [DeleteRecords, () => ['a', 'no'].map((name) => ({ topics: [{ name, partitions: partition({ offset: 0 }) }], timeoutMs: 1 }))],
    ...administration(),
    [DescribeCluster, () => [{ includeClusterAuthorizedOperations: true }]],
  ]
}

function administration(): [Api, (version: number) => object[]][] {
  const both =
    <T>(of: (topic: string) => T) =>
    (): T[] =>
      ['a', 'no'].map(of)
  const entity = [{ entityType: 'user', entityName: null }]
  return [
    [
      IncrementalAlterConfigs,
      both((resourceName) => ({
        resources: [{ resourceType: 2, resourceName, configs: [{ name: 'retention.ms', configOperation: 0, value: '1000' }] }],
        validateOnly: true,
      })),
    ],
    [
      AlterConfigs,
      both((resourceName) => ({
        resources: [{ resourceType: 2, resourceName, configs: [{ name: 'retention.ms', value: '1' }] }],
        validateOnly: true,
      })),
    ],
    [
      WriteTxnMarkers,
      both((name) => ({
        markers: [
          { producerId: 1, producerEpoch: 0, transactionResult: false, topics: [{ name, partitionIndexes: [0] }], coordinatorEpoch: 0 },
        ],
      })),
    ],
    [AlterReplicaLogDirs, both((name) => ({ dirs: [{ path: '/no', topics: [{ name, partitions: [0] }] }] }))],
    [DescribeLogDirs, () => [{ topics: null }, { topics: [{ topic: 'no', partitions: [0] }] }]],
    [ElectLeaders, both((topic) => ({ topicPartitions: [{ topic, partitions: [0] }], timeoutMs: 1 }))],
    [
      AlterPartitionReassignments,
      both((name) => ({ timeoutMs: 1, topics: [{ name, partitions: [{ partitionIndex: 0, replicas: [1] }] }] })),
    ],
    [ListPartitionReassignments, () => [{ timeoutMs: 1, topics: null }]],
    [
      AlterClientQuotas,
      () =>
        [1e9, -1].map((value) => ({
          entries: [{ entity, ops: [{ key: 'producer_byte_rate', value, remove: false }] }],
          validateOnly: true,
        })),
    ],
    [
      DescribeClientQuotas,
      () => ['user', ''].map((entityType) => ({ components: [{ entityType, matchType: 2, match: null }], strict: false })),
    ],
    [
      DescribeQuorum,
      () => ['__cluster_metadata', 'no'].map((topicName) => ({ topics: [{ topicName, partitions: [{ partitionIndex: 0 }] }] })),
    ],
    [
      UpdateFeatures,
      (version) =>
        ['transaction.version', 'no'].map((feature) => ({
          timeoutMs: 1,
          featureUpdates: [{ feature, maxVersionLevel: 2, ...(version === 0 ? { allowDowngrade: false } : { upgradeType: 1 }) }],
        })),
    ],
    [DescribeProducers, both((name) => ({ topics: [{ name, partitionIndexes: [0] }] }))],
    [UnregisterBroker, () => [{ brokerId: 1 }, { brokerId: 2 }]],
    [ListTransactions, () => [{ stateFilters: [], producerIdFilters: [] }]],
    [GetTelemetrySubscriptions, () => [{ clientInstanceId: UNKNOWN_ID }]],
    [
      PushTelemetry,
      () => [{ clientInstanceId: UNKNOWN_ID, subscriptionId: 1, terminating: false, compressionType: 0, metrics: Buffer.alloc(0) }],
    ],
    [ListConfigResources, (version) => [version === 0 ? {} : { resourceTypes: [] }]],
    [DescribeTopicPartitions, () => [{ topics: [{ name: 'a' }, { name: 'no' }] }]],
  ]
}

async function answers(channel: Channel, call: Api, version: number, bodies: readonly object[]): Promise<boolean> {
  for (const body of bodies) await channel.request(call, version, body)
  return true
}

test('every version of every call has an answer that it can carry, for what is there and for what is not', async (t) => {
  const channel = await open(t, await startBroker(t))
  const topicId = await createTopic(channel, 'a')
  await produce(channel, 'a', batch(['x']))
  for (const [call, bodies] of requests(topicId)) {
    const { minVersion, maxVersion } = handlers.find(({ api }) => api.key === call.key)!
    for (let version = minVersion; version <= maxVersion; version++) {
      t.true(await answers(channel, call, version, bodies(version)), `${call.name} ${version}`)
    }
  }
})

test('one feature that is refused refuses the whole update, in every version', async (t) => {
  const channel = await open(t, await startBroker(t))
  for (const version of [0, 1, 2]) {
    const how = version === 0 ? { allowDowngrade: false } : { upgradeType: 1 }
    const featureUpdates = ['transaction.version', 'no'].map((feature) => ({ feature, maxVersionLevel: 2, ...how }))
    const answer = await channel.request(UpdateFeatures, version, { timeoutMs: 1, featureUpdates })
    t.is(answer.errorCode, errorCode('INVALID_UPDATE_VERSION'), `version ${version}`)
    t.deepEqual(answer.results, [], `version ${version}`)
  }
})
