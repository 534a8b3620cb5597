import test from 'ava'

import type { Channel } from '../../core/net/channel.ts'
import { handlers } from '../../core/broker/handlers.ts'
import type { Api } from '../../core/protocol/api.ts'
import { ApiVersions } from '../../core/protocol/messages/api-versions.ts'
import { CreatePartitions } from '../../core/protocol/messages/create-partitions.ts'
import { CreateTopics } from '../../core/protocol/messages/create-topics.ts'
import { DeleteRecords } from '../../core/protocol/messages/delete-records.ts'
import { DeleteTopics } from '../../core/protocol/messages/delete-topics.ts'
import { DescribeCluster } from '../../core/protocol/messages/describe-cluster.ts'
import { DescribeConfigs } from '../../core/protocol/messages/describe-configs.ts'
import { Fetch } from '../../core/protocol/messages/fetch.ts'
import { ListOffsets } from '../../core/protocol/messages/list-offsets.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import { OffsetForLeaderEpoch } from '../../core/protocol/messages/offset-for-leader-epoch.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
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
    [DescribeCluster, () => [{ includeClusterAuthorizedOperations: true }]],
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
