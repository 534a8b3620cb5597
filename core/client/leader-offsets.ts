import type { Cluster } from '../cluster/cluster.ts'
import { byTopic, tpKey } from '../cluster/topic-partition.ts'
import { errorName, kafkaError } from '../protocol/errors.ts'
import type { KafkaError } from '../protocol/errors.ts'
import { ListOffsets } from '../protocol/messages/list-offsets.ts'
import { offsetSpecs } from './admin/record-types.ts'
import type { OffsetAnswer, OffsetQuestion } from './admin/record-types.ts'
import type { Isolation } from './types.ts'

/** One question to one broker, of each partition at most once: what it answers to each query, in their order. */
export async function askLeader(
  cluster: Cluster,
  leader: number,
  queries: readonly OffsetQuestion[],
  isolation: Isolation,
): Promise<(OffsetAnswer | KafkaError)[]> {
  const { topics: known } = cluster.image
  const connection = await cluster.node(leader)
  const topics = [...byTopic(queries)].map(([name, list]) => ({
    name,
    partitions: list.map(({ partition, at }) => ({
      partitionIndex: partition,
      timestamp: typeof at === 'number' ? at : offsetSpecs[at].timestamp,
      currentLeaderEpoch: known.get(name)?.partitions[partition]?.leaderEpoch ?? -1,
    })),
  }))
  const response = await connection.request(ListOffsets, { replicaId: -1, isolationLevel: isolation === 'read_committed' ? 1 : 0, topics })
  const answers = new Map<string, OffsetAnswer | KafkaError>()
  for (const { name: topic, partitions } of response.topics) {
    for (const { partitionIndex: partition, errorCode, offset, timestamp, leaderEpoch } of partitions) {
      const key = tpKey({ topic, partition })
      const error = errorName(errorCode)
      answers.set(key, error === 'NONE' ? { topic, partition, offset, timestamp, leaderEpoch } : kafkaError(error, key))
    }
  }
  return queries.map((query) => answers.get(tpKey(query)) ?? kafkaError('UNKNOWN_SERVER_ERROR', `no answer for ${tpKey(query)}`))
}
