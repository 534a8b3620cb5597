import { kafkaError } from '../protocol/errors.ts'
import type { Partition } from '../replica/partition.ts'
import type { BrokerServices } from './services.ts'

/**
 * The partition that a request means, by name or (KIP-516) by topic id.
 * @throws KafkaError UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION
 */
export function partitionOf(broker: BrokerServices, name: string, topicId: string, index: number, byId: boolean): Partition {
  const topic = byId ? broker.topics.byId(topicId)?.name : name
  if (topic === undefined) throw kafkaError('UNKNOWN_TOPIC_ID', `there is no topic with the id ${topicId}`)
  const partition = broker.replicas.partition(topic, index)
  if (partition === undefined) throw kafkaError('UNKNOWN_TOPIC_OR_PARTITION', `${topic}-${index} does not exist`)
  return partition
}
