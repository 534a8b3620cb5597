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

type Wanted = NonNullable<MetadataRequest['topics']>[number]
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
    const toMake = missingNames(request, context)
    if (toMake.length === 0) return answer(request, context, NO_FAILURES)
    return makeAll(toMake, context.broker).then((failures) => answer(request, context, failures))
  },
})

type Failures = ReadonlyMap<string, KafkaErrorName>

const NO_FAILURES: Failures = new Map()

/** @param failures of topics that were to be made */
function answer(request: MetadataRequest, context: RequestContext, failures: Failures): Input<typeof MetadataResponse> {
  const { broker, session } = context
  const operations = request.includeTopicAuthorizedOperations ? { topicAuthorizedOperations: topicOperations } : {}
  return {
    brokers: [{ nodeId: broker.nodeId, ...session.listener.endpoint, rack: broker.config.get('broker.rack') || null }],
    clusterId: broker.clusterId,
    controllerId: broker.nodeId,
    topics: answers(request, context, failures).map((topic) => ({ ...topic, ...operations })),
    ...(request.includeClusterAuthorizedOperations ? { clusterAuthorizedOperations: clusterOperations } : {}),
  }
}

function answers(request: MetadataRequest, context: RequestContext, failures: Failures): TopicAnswer[] {
  const { broker, version } = context
  if (wantsAll(request, version)) return Array.from(broker.topics.list(), (topic) => found(broker, topic))
  return request.topics!.map((wanted) =>
    isById(wanted, version) ? byId(broker, wanted.topicId) : byName(broker, wanted.name ?? '', failures),
  )
}

function wantsAll({ topics }: MetadataRequest, version: number): boolean {
  return topics === null || (version === 0 && topics.length === 0)
}

function isById({ name, topicId }: Wanted, version: number): boolean {
  return version >= IDS_SINCE && (name === null || topicId !== ZERO_UUID)
}

/** Topics that are asked for by name, are not there, and may be made. */
function missingNames(request: MetadataRequest, { broker, version }: RequestContext): string[] {
  if (wantsAll(request, version) || !request.allowAutoTopicCreation || !broker.config.get('auto.create.topics.enable')) return []
  const names = request.topics!.filter((wanted) => !isById(wanted, version)).map(({ name }) => name ?? '')
  return names.filter((name) => broker.topics.get(name) === undefined && topicNameProblem(name) === undefined)
}

async function makeAll(names: readonly string[], broker: BrokerServices): Promise<Failures> {
  const failures = new Map<string, KafkaErrorName>()
  const make = async (name: string): Promise<void> => {
    try {
      await broker.topics.autoCreate(name)
    } catch (error) {
      if (!(error instanceof KafkaError)) broker.logger.error({ topic: name, err: error }, `topic ${name} could not be created`)
      failures.set(name, error instanceof KafkaError ? error.kafkaCode : 'KAFKA_STORAGE_ERROR')
    }
  }
  await Promise.all(names.map(make))
  return failures
}

function byName(broker: BrokerServices, name: string, failures: Failures): TopicAnswer {
  const topic = broker.topics.get(name)
  if (topic !== undefined) return found(broker, topic)
  if (topicNameProblem(name) !== undefined) return missing(name, ZERO_UUID, 'INVALID_TOPIC_EXCEPTION')
  return missing(name, ZERO_UUID, failures.get(name) ?? 'UNKNOWN_TOPIC_OR_PARTITION')
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
