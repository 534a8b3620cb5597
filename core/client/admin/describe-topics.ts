import { MoldauError } from '../../base/errors.ts'
import type { BrokerConnection } from '../../cluster/connection.ts'
import { errorCode, errorName } from '../../protocol/errors.ts'
import { DescribeTopicPartitions } from '../../protocol/messages/describe-topic-partitions.ts'
import type { DescribeTopicPartitionsResponse } from '../../protocol/messages/describe-topic-partitions.ts'
import { Metadata } from '../../protocol/messages/metadata.ts'
import { authorizedOperations } from './codes.ts'
import type { Answer } from './settle.ts'
import type { DescribeTopicsOptions, PartitionDescription, TopicDescription, TopicRef } from './topic-types.ts'

type Page = DescribeTopicPartitionsResponse
type Cursor = NonNullable<Page['nextCursor']>
type TopicPage = Page['topics'][number]

/** What the broker allows by default: `max.request.partition.size.limit`. */
const PARTITIONS_PER_PAGE = 2000

export function refName(topic: TopicRef): string {
  return typeof topic === 'string' ? topic : topic.topicId
}

/** By name in pages where the broker can (KIP-966), otherwise, and by id, in one answer of Metadata. */
export async function describeTopics(
  connection: BrokerConnection,
  topics: readonly TopicRef[],
  options: DescribeTopicsOptions,
): Promise<Answer<TopicDescription>[]> {
  const names = topics.filter((topic) => typeof topic === 'string')
  const ids = topics.filter((topic) => typeof topic !== 'string')
  const paged = connection.supports(DescribeTopicPartitions)
  const byName = paged ? describeInPages(connection, names, options) : describeAtOnce(connection, names, options)
  return [...(await byName), ...(await describeAtOnce(connection, ids, options))]
}

async function describeAtOnce(
  connection: BrokerConnection,
  topics: readonly TopicRef[],
  { includeAuthorizedOperations = false }: DescribeTopicsOptions,
): Promise<Answer<TopicDescription>[]> {
  if (topics.length === 0) return []
  const asked = topics.map((topic) => (typeof topic === 'string' ? { name: topic } : { topicId: topic.topicId, name: null }))
  // A version before the one that can answer it does not take the question.
  const authorized = includeAuthorizedOperations && { includeTopicAuthorizedOperations: true }
  const response = await connection.request(Metadata, { topics: asked, allowAutoTopicCreation: false, ...authorized })
  const byName = new Map(response.topics.map((topic) => [topic.name, topic]))
  const byId = new Map(response.topics.map((topic) => [topic.topicId, topic]))
  return topics.map((ref) => {
    const topic = typeof ref === 'string' ? byName.get(ref) : byId.get(ref.topicId)
    if (topic === undefined) return unknown(refName(ref))
    const partitions = topic.partitions.map((p) => ({ ...p, eligibleLeaderReplicas: null, lastKnownElr: null }))
    return answerFor(refName(ref), { ...topic, partitions }, includeAuthorizedOperations)
  })
}

async function describeInPages(
  connection: BrokerConnection,
  names: readonly string[],
  { partitionSizeLimitPerResponse = PARTITIONS_PER_PAGE, includeAuthorizedOperations = false }: DescribeTopicsOptions,
): Promise<Answer<TopicDescription>[]> {
  if (names.length === 0) return []
  const found = new Map<string, TopicPage>()
  let cursor: Cursor | null = null
  do {
    const topics = names.map((name) => ({ name }))
    const page: Page = await connection.request(DescribeTopicPartitions, {
      topics,
      responsePartitionLimit: partitionSizeLimitPerResponse,
      cursor,
    })
    for (const topic of page.topics) {
      const before = found.get(topic.name ?? '')
      if (before === undefined) found.set(topic.name ?? '', topic)
      else before.partitions.push(...topic.partitions)
    }
    if (page.nextCursor !== null && page.topics.length === 0) {
      throw new MoldauError('CORRUPT_FRAME', `${connection.remote} answered a page without topics and says that more follows`)
    }
    cursor = page.nextCursor
  } while (cursor !== null)
  return names.map((name) => {
    const topic = found.get(name)
    return topic === undefined ? unknown(name) : answerFor(name, topic, includeAuthorizedOperations)
  })
}

function answerFor(ref: string, topic: TopicPage, withOperations: boolean): Answer<TopicDescription> {
  const error = errorName(topic.errorCode)
  if (error === 'UNKNOWN_TOPIC_OR_PARTITION' || error === 'UNKNOWN_TOPIC_ID') return unknown(ref)
  // It is being created: it is there, but its partitions are not yet.
  if (topic.errorCode !== 0) return { name: ref, errorCode: topic.errorCode }
  const { name, topicId, isInternal, partitions, topicAuthorizedOperations } = topic
  const value = {
    name: name ?? ref,
    topicId,
    internal: isInternal,
    partitions: partitions.map(partitionDescription).toSorted((a, b) => a.partition - b.partition),
    // Pages tell of them unasked.
    ...(withOperations && authorizedOperations(topicAuthorizedOperations)),
  }
  return { name: ref, errorCode: errorCode('NONE'), value }
}

function unknown(ref: string): Answer<TopicDescription> {
  return { name: ref, error: new MoldauError('UNKNOWN_TOPIC', `topic '${ref}' does not exist: listTopics() tells which do`) }
}

function partitionDescription(p: TopicPage['partitions'][number]): PartitionDescription {
  return {
    partition: p.partitionIndex,
    leader: p.leaderId,
    leaderEpoch: p.leaderEpoch,
    replicas: p.replicaNodes,
    isr: p.isrNodes,
    offlineReplicas: p.offlineReplicas,
    eligibleLeaderReplicas: p.eligibleLeaderReplicas,
    lastKnownEligibleLeaderReplicas: p.lastKnownElr,
  }
}
