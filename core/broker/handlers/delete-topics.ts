import { KafkaError, detailOf, errorCode, kafkaError } from '../../protocol/errors.ts'
import { messageOf } from '../../base/errors.ts'
import { ZERO_UUID } from '../../base/uuid.ts'
import { DeleteTopics } from '../../protocol/messages/delete-topics.ts'
import type { DeleteTopicsResponse } from '../../protocol/messages/delete-topics.ts'
import type { Input } from '../../protocol/schema.ts'
import type { TopicInfo } from '../../coordination/local.ts'
import { handler } from '../handler.ts'
import { mutationsOf } from '../quotas/mutations.ts'
import type { Mutations } from '../quotas/mutations.ts'
import type { BrokerServices } from '../services.ts'

type TopicAnswer = Input<typeof DeleteTopicsResponse>['responses'][number]

/** A quota that is used up refuses deletions from this version on (KIP-599). */
const STRICT_SINCE = 5

/** DeleteTopics 0 to 6: by name, from v6 on also by topic id (KIP-516); v5 answers messages. */
export const deleteTopics = handler({
  api: DeleteTopics,
  minVersion: 0,
  maxVersion: 6,
  async handle(request, context) {
    const { broker, version } = context
    const mutations = mutationsOf(context, STRICT_SINCE)
    const topics = version < 6 ? request.topicNames.map((name) => ({ name, topicId: ZERO_UUID })) : request.topics
    const responses = await Promise.all(topics.map(({ name, topicId }) => remove(broker, name, topicId, mutations)))
    return { throttleTimeMs: mutations.throttleTimeMs, responses }
  },
})

async function remove(broker: BrokerServices, name: string | null, topicId: string, mutations: Mutations): Promise<TopicAnswer> {
  try {
    const topic = find(broker, name, topicId)
    if (!broker.config.get('delete.topic.enable')) throw kafkaError('TOPIC_DELETION_DISABLED', 'delete.topic.enable is false')
    if (topic.internal) throw kafkaError('INVALID_TOPIC_EXCEPTION', `${topic.name} belongs to the broker itself`)
    mutations.take(topic.partitions)
    if (!(await broker.topics.delete(topic))) throw unknown(name, topicId)
    return { name: topic.name, topicId: topic.id, errorCode: 0, errorMessage: null }
  } catch (error) {
    if (!(error instanceof KafkaError))
      broker.logger.error({ topic: name, err: error }, `topic ${name} could not be deleted: ${messageOf(error)}`)
    const code = error instanceof KafkaError ? error.kafkaCode : 'KAFKA_STORAGE_ERROR'
    return { name, topicId, errorCode: errorCode(code), errorMessage: detailOf(error) }
  }
}

function find(broker: BrokerServices, name: string | null, topicId: string): TopicInfo {
  if (name !== null && topicId !== ZERO_UUID) throw kafkaError('INVALID_REQUEST', `topic ${name}: give its name or its id, not both`)
  const topic = name === null ? broker.topics.byId(topicId) : broker.topics.get(name)
  if (topic !== undefined) return topic
  throw unknown(name, topicId)
}

function unknown(name: string | null, topicId: string): KafkaError {
  return name === null
    ? kafkaError('UNKNOWN_TOPIC_ID', `There is no topic with the id ${topicId}.`)
    : kafkaError('UNKNOWN_TOPIC_OR_PARTITION', `The topic '${name}' does not exist.`)
}
