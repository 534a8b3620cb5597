import type { TopicInfo } from '../../coordination/local.ts'
import { topicNameProblem } from '../../coordination/topic-name.ts'
import { ZERO_UUID } from '../../base/uuid.ts'
import { KafkaError, errorCode } from '../../protocol/errors.ts'
import type { KafkaErrorName } from '../../protocol/errors.ts'
import { Metadata } from '../../protocol/messages/metadata.ts'
import type { MetadataRequest, MetadataResponse } from '../../protocol/messages/metadata.ts'
import type { Input } from '../../protocol/schema.ts'
import { clusterOperations, topicOperations } from '../operations.ts'
import { handler } from '../handler.ts'
import type { RequestContext } from '../handler.ts'
import { placed } from '../placed.ts'
import type { BrokerServices } from '../services.ts'

/** Topics may be asked for by id from version 12 on. */
const IDS_SINCE = 12

type TopicAnswer = Input<typeof MetadataResponse>['topics'][number]

/**
 * Metadata 0 to 13: brokers, topics, leaders; creates topics that are asked for by name.
 * v0 lists all topics for an empty list, v1+ for null; v4 lets the client forbid creation; v10 answers topic ids, v12 asks by them (KIP-516);
 * v8 to v10 tell the operations allowed (KIP-430).
 */
export const metadata = handler({
  api: Metadata,
  minVersion: 0,
  maxVersion: 13,
  handle(request, context) {
    const { broker, session } = context
    const operations = request.includeTopicAuthorizedOperations ? { topicAuthorizedOperations: topicOperations } : {}
    return {
      brokers: [{ nodeId: broker.nodeId, ...session.listener.endpoint, rack: broker.config.get('broker.rack') || null }],
      clusterId: broker.clusterId,
      controllerId: broker.nodeId,
      topics: answers(request, context).map((answer) => ({ ...answer, ...operations })),
      ...(request.includeClusterAuthorizedOperations ? { clusterAuthorizedOperations: clusterOperations } : {}),
    }
  },
})

function answers(request: MetadataRequest, { broker, version }: RequestContext): TopicAnswer[] {
  const wantsAll = request.topics === null || (version === 0 && request.topics.length === 0)
  if (wantsAll) return Array.from(broker.topics.list(), (topic) => found(broker, topic))
  const mayCreate = request.allowAutoTopicCreation && broker.config.get('auto.create.topics.enable')
  return request.topics!.map(({ name, topicId }) => {
    if (version >= IDS_SINCE && (name === null || topicId !== ZERO_UUID)) return byId(broker, topicId)
    return byName(broker, name ?? '', mayCreate)
  })
}

function byName(broker: BrokerServices, name: string, mayCreate: boolean): TopicAnswer {
  const topic = broker.topics.get(name)
  if (topic !== undefined) return found(broker, topic)
  if (topicNameProblem(name) !== undefined) return missing(name, ZERO_UUID, 'INVALID_TOPIC_EXCEPTION')
  if (!mayCreate) return missing(name, ZERO_UUID, 'UNKNOWN_TOPIC_OR_PARTITION')
  try {
    return found(broker, broker.topics.autoCreate(name))
  } catch (error) {
    if (error instanceof KafkaError) return missing(name, ZERO_UUID, error.kafkaCode)
    broker.logger.error({ topic: name, err: error }, `topic ${name} could not be created`)
    return missing(name, ZERO_UUID, 'KAFKA_STORAGE_ERROR')
  }
}

function byId(broker: BrokerServices, topicId: string): TopicAnswer {
  const topic = broker.topics.byId(topicId)
  return topic === undefined ? missing(null, topicId, 'UNKNOWN_TOPIC_ID') : found(broker, topic)
}

function missing(name: string | null, topicId: string, error: KafkaErrorName): TopicAnswer {
  return { errorCode: errorCode(error), name, topicId, partitions: [] }
}

function found(broker: BrokerServices, topic: TopicInfo): TopicAnswer {
  return {
    errorCode: 0,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.internal,
    partitions: placed(broker.replicas.partitionsOf(topic.name), broker.nodeId),
  }
}
