import { ZERO_UUID } from '../base/uuid.ts'
import { errorName } from '../protocol/errors.ts'
import type { MetadataResponse } from '../protocol/messages/metadata.ts'
import type { Address } from './address.ts'

export interface BrokerInfo extends Address {
  nodeId: number
  rack: string | null
}

export interface PartitionInfo {
  partition: number
  /** -1 while there is none. */
  leader: number
  leaderEpoch: number
  replicas: readonly number[]
  isr: readonly number[]
}

export interface TopicInfo {
  name: string
  /** The zero UUID when the broker is too old to tell. */
  topicId: string
  internal: boolean
  /** At position p stands partition p. */
  partitions: readonly PartitionInfo[]
}

/** What is known of the cluster: replaced as a whole by each answer, never changed. */
export interface ClusterImage {
  readonly clusterId: string
  readonly controllerId: number
  readonly brokers: ReadonlyMap<number, BrokerInfo>
  readonly topics: ReadonlyMap<string, TopicInfo>
  /** Topics of the last question that have an error, with its name. */
  readonly errors: ReadonlyMap<string, string>
  readonly topicNames: ReadonlyMap<string, string>
  /** On the monotonic clock; -Infinity before the first answer. */
  readonly fetchedAt: number
}

export const emptyImage: ClusterImage = {
  clusterId: '',
  controllerId: -1,
  brokers: new Map(),
  topics: new Map(),
  errors: new Map(),
  topicNames: new Map(),
  fetchedAt: -Infinity,
}

/** Whether trying again may help: the topic is being created, or its leader is being elected. */
const transientErrors: ReadonlySet<string> = new Set(['LEADER_NOT_AVAILABLE', 'UNKNOWN_TOPIC_OR_PARTITION', 'REPLICA_NOT_AVAILABLE'])

export function isTransientTopicError(name: string): boolean {
  return transientErrors.has(name)
}

/** The image after an answer about some topics: others stay, a topic that does not exist any more goes. */
export function mergeMetadata(image: ClusterImage, response: MetadataResponse, now: number): ClusterImage {
  const topics = new Map(image.topics)
  const errors = new Map<string, string>()
  for (const topic of response.topics) {
    const { name } = topic
    if (name === null) continue
    const error = errorName(topic.errorCode)
    if (error !== 'NONE') errors.set(name, error)
    if (error === 'UNKNOWN_TOPIC_OR_PARTITION' || error === 'INVALID_TOPIC_EXCEPTION') topics.delete(name)
    // LEADER_NOT_AVAILABLE on a topic says that it is being created: it has no partitions yet.
    else if (topic.partitions.length > 0) topics.set(name, mergeTopic(topics.get(name), topic, name))
  }
  const topicNames = new Map<string, string>()
  for (const topic of topics.values()) if (topic.topicId !== ZERO_UUID) topicNames.set(topic.topicId, topic.name)
  return {
    clusterId: response.clusterId ?? image.clusterId,
    controllerId: response.controllerId,
    brokers: new Map(response.brokers.map((b) => [b.nodeId, { nodeId: b.nodeId, host: b.host, port: b.port, rack: b.rack }])),
    topics,
    errors,
    topicNames,
    fetchedAt: now,
  }
}

/** The image without a topic. */
export function withoutTopic(image: ClusterImage, name: string): ClusterImage {
  const known = image.topics.get(name)
  if (known === undefined) return image
  const topics = new Map(image.topics)
  const topicNames = new Map(image.topicNames)
  topics.delete(name)
  topicNames.delete(known.topicId)
  return { ...image, topics, topicNames }
}

function mergeTopic(known: TopicInfo | undefined, topic: MetadataResponse['topics'][number], name: string): TopicInfo {
  const partitions: PartitionInfo[] = []
  for (const p of topic.partitions) {
    const before = known?.topicId === topic.topicId ? known.partitions[p.partitionIndex] : undefined
    // A broker that lags behind may tell of a leader that has been replaced: the epoch decides.
    if (before !== undefined && p.leaderEpoch >= 0 && before.leaderEpoch > p.leaderEpoch) partitions[p.partitionIndex] = before
    else {
      partitions[p.partitionIndex] = {
        partition: p.partitionIndex,
        leader: p.leaderId,
        leaderEpoch: p.leaderEpoch,
        replicas: p.replicaNodes,
        isr: p.isrNodes,
      }
    }
  }
  for (let i = 0; i < partitions.length; i++) partitions[i] ??= { partition: i, leader: -1, leaderEpoch: -1, replicas: [], isr: [] }
  return { name, topicId: topic.topicId, internal: topic.isInternal, partitions }
}
