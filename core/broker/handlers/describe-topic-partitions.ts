import { ZERO_UUID } from '../../base/uuid.ts'
import type { TopicInfo } from '../../coordination/local.ts'
import { topicNameProblem } from '../../coordination/topic-name.ts'
import { errorCode } from '../../protocol/errors.ts'
import { DescribeTopicPartitions } from '../../protocol/messages/describe-topic-partitions.ts'
import type { DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse } from '../../protocol/messages/describe-topic-partitions.ts'
import type { Input } from '../../protocol/schema.ts'
import { handler } from '../handler.ts'
import { topicOperations } from '../operations.ts'
import { placed } from '../placed.ts'
import type { BrokerServices } from '../services.ts'

type Response = Input<typeof DescribeTopicPartitionsResponse>
type TopicAnswer = Response['topics'][number]

/** DescribeTopicPartitions 0 (KIP-966): topics by name, partition by partition, until the limit is reached; the cursor tells where to go on. */
export const describeTopicPartitions = handler({
  api: DescribeTopicPartitions,
  minVersion: 0,
  maxVersion: 0,
  handle(request, { broker }) {
    const { cursor } = request
    if (cursor !== null && isMisplaced(cursor, request)) return { throttleTimeMs: 0, topics: request.topics.map(refused), nextCursor: null }
    const limit = broker.config.get('max.request.partition.size.limit')
    let room = Math.max(1, Math.min(limit, request.responsePartitionLimit))
    const topics: TopicAnswer[] = []
    for (const name of namesFrom(request, broker)) {
      const first = cursor !== null && cursor.topicName === name ? cursor.partitionIndex : 0
      if (room === 0) return { throttleTimeMs: 0, topics, nextCursor: { topicName: name, partitionIndex: first } }
      const topic = broker.topics.get(name)
      if (topic === undefined) {
        topics.push(missing(name))
        continue
      }
      const end = Math.min(topic.partitions, first + room)
      topics.push(page(broker, topic, first, end))
      if (end < topic.partitions) return { throttleTimeMs: 0, topics, nextCursor: { topicName: name, partitionIndex: end } }
      room -= Math.max(0, end - first)
    }
    return { throttleTimeMs: 0, topics, nextCursor: null }
  },
})

/** A cursor goes on in a topic that is asked for. */
function isMisplaced(
  { topicName, partitionIndex }: { topicName: string; partitionIndex: number },
  { topics }: DescribeTopicPartitionsRequest,
): boolean {
  return partitionIndex < 0 || (topics.length > 0 && !topics.some(({ name }) => name === topicName))
}

function refused({ name }: { name: string }): TopicAnswer {
  return { errorCode: errorCode('INVALID_REQUEST'), name, topicId: ZERO_UUID, partitions: [] }
}

/** The topics asked for, or all, in order of their names, from the cursor on. */
function namesFrom({ topics, cursor }: DescribeTopicPartitionsRequest, broker: BrokerServices): string[] {
  const wanted = topics.length === 0 ? Array.from(broker.topics.list(), ({ name }) => name) : topics.map(({ name }) => name)
  return [...new Set(wanted)].filter((name) => cursor === null || name >= cursor.topicName).sort()
}

function missing(name: string): TopicAnswer {
  const error = topicNameProblem(name) === undefined ? 'UNKNOWN_TOPIC_OR_PARTITION' : 'INVALID_TOPIC_EXCEPTION'
  return { errorCode: errorCode(error), name, topicId: ZERO_UUID, partitions: [], topicAuthorizedOperations: topicOperations }
}

function page(broker: BrokerServices, topic: TopicInfo, first: number, end: number): TopicAnswer {
  return {
    errorCode: 0,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.internal,
    partitions: placed(broker.replicas.partitionsOf(topic.name).slice(first, end), broker.nodeId).map((each) => ({
      ...each,
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: [],
    })),
    topicAuthorizedOperations: topicOperations,
  }
}
