import { ZERO_UUID } from '../../base/uuid.ts'
import { CreatePartitions } from '../../protocol/messages/create-partitions.ts'
import { CreateTopics } from '../../protocol/messages/create-topics.ts'
import { DeleteTopics } from '../../protocol/messages/delete-topics.ts'
import { DescribeTopicPartitions } from '../../protocol/messages/describe-topic-partitions.ts'
import { Metadata } from '../../protocol/messages/metadata.ts'
import { CLUSTER_NAME } from '../../security/acl.ts'
import type { RequestContext } from '../handler.ts'
import { TOPIC_REFUSED, guard, part, then, topicName } from './guard.ts'
import type { NamedGuard } from './guard.ts'

/** What a version that does not ask for operations answers. */
const NOT_ASKED = -0x8000_0000

type Topic = { name: string | null; topicId: string }

const metadata = guard(Metadata, (request, context, next) => {
  const { session, broker, version } = context
  const isAll = request.topics === null || (version === 0 && request.topics.length === 0)
  const describes = ({ name, topicId }: Topic): boolean => {
    const topic = topicName(broker, name, topicId)
    return topic === undefined || session.allows('describe', 'topic', topic)
  }
  const { allowed, refused } = isAll
    ? { allowed: [], refused: [] }
    : part(request.topics!, (topic) => describes(topic) && mayBeMade(topic, request.allowAutoTopicCreation, context))
  // A list with nothing left in it would mean all topics in version 0.
  const answer =
    isAll || allowed.length > 0 || version > 0
      ? next(isAll ? request : { ...request, topics: allowed })
      : next({ ...request, topics: [{ name: '', topicId: ZERO_UUID }] })
  return then(answer, (found) => {
    const shown = isAll || allowed.length > 0 || version > 0 ? found.topics : []
    const visible = isAll ? shown.filter(({ name }) => session.allows('describe', 'topic', name!)) : shown
    const topics = !request.includeTopicAuthorizedOperations
      ? visible
      : visible.map((topic) => ({
          ...topic,
          topicAuthorizedOperations: topic.name ? session.operationBits('topic', topic.name) : NOT_ASKED,
        }))
    return {
      ...found,
      topics: [...topics, ...refused.map(refusedTopic)],
      ...(request.includeClusterAuthorizedOperations && {
        clusterAuthorizedOperations: session.allowsCluster('describe') ? session.operationBits('cluster', CLUSTER_NAME) : 0,
      }),
    }
  })
})

/** Who asks for a topic that is not there has it made, if he may make topics. */
function mayBeMade({ name }: Topic, wanted: boolean, { session, broker }: RequestContext): boolean {
  if (name === null || !wanted || !broker.config.get('auto.create.topics.enable') || broker.topics.get(name) !== undefined) return true
  return session.allowsCluster('create') || session.allows('create', 'topic', name)
}

/** Does not say whether the topic exists; one that was asked for by its id keeps it, ids are no secret. */
function refusedTopic({ name, topicId }: Topic) {
  return {
    errorCode: TOPIC_REFUSED,
    name: name || (topicId === ZERO_UUID ? '' : null),
    topicId: name ? ZERO_UUID : topicId,
    partitions: [],
  }
}

const createTopics = guard(CreateTopics, (request, { session }, next) => {
  const { allowed, refused } = part(
    request.topics,
    ({ name }) => session.allowsCluster('create') || session.allows('create', 'topic', name),
  )
  const topics = refused.map(({ name }) => ({ name, errorCode: TOPIC_REFUSED, errorMessage: 'Authorization failed.', configs: null }))
  if (allowed.length === 0) return { topics }
  return then(next({ ...request, topics: allowed }), (answer) => ({
    ...answer,
    topics: [
      ...answer.topics.map((topic) => {
        if (topic.errorCode !== 0 || session.allows('describeConfigs', 'topic', topic.name)) return topic
        // Made, but what it is like is not for his eyes.
        return { ...topic, numPartitions: -1, replicationFactor: -1, configs: null, topicConfigErrorCode: TOPIC_REFUSED }
      }),
      ...topics,
    ],
  }))
})

const deleteTopics = guard(DeleteTopics, (request, context, next) => {
  const { session, broker, version } = context
  if (session.allowsCluster('delete')) return next(request)
  // Who may describe is told that there is no such topic; nobody else is told whether there is.
  const may = (name: string | undefined): boolean =>
    name === undefined ||
    session.allows('delete', 'topic', name) ||
    (broker.topics.get(name) === undefined && session.allows('describe', 'topic', name))
  if (version < 6) {
    const { allowed, refused } = part(request.topicNames, may)
    const responses = refused.map((name) => ({ name, errorCode: TOPIC_REFUSED }))
    return then(next({ ...request, topicNames: allowed }), (answer) => ({ ...answer, responses: [...answer.responses, ...responses] }))
  }
  const { allowed, refused } = part(request.topics, ({ name, topicId }) => may(topicName(broker, name, topicId)))
  const responses = refused.map(({ name, topicId }) => {
    const known = name ?? topicName(broker, name, topicId)!
    const shown = name !== null || session.allows('describe', 'topic', known)
    return { name: shown ? known : null, topicId: name === null ? topicId : ZERO_UUID, errorCode: TOPIC_REFUSED }
  })
  return then(next({ ...request, topics: allowed }), (answer) => ({ ...answer, responses: [...answer.responses, ...responses] }))
})

const createPartitions = guard(CreatePartitions, (request, { session }, next) => {
  const { allowed, refused } = part(request.topics, ({ name }) => session.allows('alter', 'topic', name))
  const results = refused.map(({ name }) => ({ name, errorCode: TOPIC_REFUSED }))
  return then(next({ ...request, topics: allowed }), (answer) => ({ ...answer, results: [...answer.results, ...results] }))
})

const describeTopicPartitions = guard(DescribeTopicPartitions, (request, { session }, next) => {
  const may = (name: string): boolean => session.allows('describe', 'topic', name)
  const { allowed, refused } = part(request.topics, ({ name }) => may(name))
  const topics = refused.map(({ name }) => ({ errorCode: TOPIC_REFUSED, name, topicId: ZERO_UUID, isInternal: false, partitions: [] }))
  // Nothing left to ask for would mean everything.
  if (request.topics.length > 0 && allowed.length === 0) return { throttleTimeMs: 0, topics, nextCursor: null }
  return then(next({ ...request, topics: allowed }), (answer) => ({
    ...answer,
    topics: [
      ...answer.topics
        .filter(({ name }) => name !== null && may(name))
        .map((topic) => ({ ...topic, topicAuthorizedOperations: session.operationBits('topic', topic.name!) })),
      ...topics,
    ],
  }))
})

/** Calls about topics as such. */
export const topicGuards: readonly NamedGuard[] = [metadata, createTopics, deleteTopics, createPartitions, describeTopicPartitions]
