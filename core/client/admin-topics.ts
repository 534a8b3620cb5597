import { MoldauError } from '../base/errors.ts'
import { ZERO_UUID } from '../base/uuid.ts'
import type { BrokerConnection } from '../cluster/connection.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import { errorName, throwOnError } from '../protocol/errors.ts'
import { CreatePartitions } from '../protocol/messages/create-partitions.ts'
import { CreateTopics } from '../protocol/messages/create-topics.ts'
import { DeleteRecords } from '../protocol/messages/delete-records.ts'
import { DeleteTopics } from '../protocol/messages/delete-topics.ts'
import type { MetadataResponse } from '../protocol/messages/metadata.ts'
import type { NewTopic, TopicDescription } from './admin-types.ts'

export async function createTopics(connection: BrokerConnection, topics: readonly NewTopic[], ignoreExisting: boolean): Promise<void> {
  const body = topics.map((topic) => ({
    name: topic.name,
    numPartitions: topic.partitions ?? -1,
    replicationFactor: topic.replicationFactor ?? -1,
    assignments: [],
    configs: Object.entries(topic.configs ?? {}).map(([name, value]) => ({ name, value: String(value) })),
  }))
  const response = await connection.request(CreateTopics, { topics: body })
  for (const topic of response.topics) {
    if (ignoreExisting && errorName(topic.errorCode) === 'TOPIC_ALREADY_EXISTS') continue
    throwOnError(topic.errorCode, `create topic '${topic.name}'`, topic.errorMessage)
  }
}

export async function deleteTopics(connection: BrokerConnection, names: readonly string[], timeoutMs: number): Promise<void> {
  const modern = connection.version(DeleteTopics) >= 6
  const body = modern ? { topics: names.map((name) => ({ name, topicId: ZERO_UUID })), timeoutMs } : { topicNames: [...names], timeoutMs }
  const response = await connection.request(DeleteTopics, body)
  for (const topic of response.responses) throwOnError(topic.errorCode, `delete topic '${topic.name}'`, topic.errorMessage)
}

export async function createPartitions(connection: BrokerConnection, topic: string, count: number, timeoutMs: number): Promise<void> {
  const body = { topics: [{ name: topic, count, assignments: null }], timeoutMs, validateOnly: false }
  const response = await connection.request(CreatePartitions, body)
  for (const result of response.results) throwOnError(result.errorCode, `add partitions to topic '${result.name}'`, result.errorMessage)
}

/** Deletes the records before `offset`, -1 for all, and answers where the partition begins now. */
export async function deleteRecords(
  connection: BrokerConnection,
  { topic, partition, offset }: TopicPartition & { offset: number },
  timeoutMs: number,
): Promise<number> {
  const topics = [{ name: topic, partitions: [{ partitionIndex: partition, offset }] }]
  const response = await connection.request(DeleteRecords, { topics, timeoutMs })
  const result = response.topics[0]!.partitions[0]!
  throwOnError(result.errorCode, `delete records of ${tpKey({ topic, partition })}`)
  return result.lowWatermark
}

type FoundTopic = MetadataResponse['topics'][number]

/** In words what the metadata says of a topic. @throws MoldauError UNKNOWN_TOPIC naming the topic */
export function topicDescription(name: string, topic: FoundTopic | undefined): TopicDescription {
  if (topic === undefined || errorName(topic.errorCode) === 'UNKNOWN_TOPIC_OR_PARTITION')
    throw new MoldauError('UNKNOWN_TOPIC', `topic '${name}' does not exist: listTopics() tells which do`)
  throwOnError(topic.errorCode, `describe topic '${name}'`)
  return {
    name,
    topicId: topic.topicId,
    internal: topic.isInternal,
    partitions: topic.partitions.map(partitionDescription).toSorted((a, b) => a.partition - b.partition),
  }
}

function partitionDescription(p: FoundTopic['partitions'][number]) {
  return { partition: p.partitionIndex, leader: p.leaderId, leaderEpoch: p.leaderEpoch, replicas: p.replicaNodes, isr: p.isrNodes }
}
