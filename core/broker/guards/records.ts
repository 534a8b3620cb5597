import { ZERO_UUID } from '../../base/uuid.ts'
import { MoldauError } from '../../base/errors.ts'
import { DeleteRecords } from '../../protocol/messages/delete-records.ts'
import { DescribeProducers } from '../../protocol/messages/describe-producers.ts'
import { Fetch } from '../../protocol/messages/fetch.ts'
import type { FetchRequest } from '../../protocol/messages/fetch.ts'
import { ListOffsets } from '../../protocol/messages/list-offsets.ts'
import { OffsetForLeaderEpoch } from '../../protocol/messages/offset-for-leader-epoch.ts'
import { Produce } from '../../protocol/messages/produce.ts'
import type { ProduceRequest } from '../../protocol/messages/produce.ts'
import { BATCH_OVERHEAD, isTransactional } from '../../record/batch.ts'
import type { RequestContext } from '../handler.ts'
import { ID_REFUSED, TOPIC_REFUSED, guard, part, then, topicName } from './guard.ts'
import type { NamedGuard } from './guard.ts'

const EMPTY = Buffer.alloc(0)

/** Whether a topic may be read or written; one that is not known is the handler's to answer. */
function mayUse(context: RequestContext, operation: 'read' | 'write' | 'describe', name: string, topicId?: string): boolean {
  const topic = topicName(context.broker, name, topicId)
  return topic === undefined || context.session.allows(operation, 'topic', topic)
}

function isOfTransaction({ topicData }: ProduceRequest): boolean {
  return topicData.some(({ partitionData }) =>
    partitionData.some(({ records }) => records !== null && records.length >= BATCH_OVERHEAD && isTransactional(records, 0)),
  )
}

const produce = guard(Produce, (request, context, next) => {
  const { session } = context
  const { transactionalId, topicData } = request
  const idIsRefused = isOfTransaction(request) && (transactionalId === null || !session.allows('write', 'transactionalId', transactionalId))
  const { allowed, refused } = idIsRefused
    ? { allowed: [], refused: topicData }
    : part(topicData, ({ name, topicId }) => mayUse(context, 'write', name, topicId))
  if (refused.length === 0) return next(request)
  if (request.acks === 0) {
    // With acks=0 the end of the connection is the only way to tell.
    if (allowed.length > 0) void next({ ...request, topicData: allowed })
    throw new MoldauError('PROTOCOL', 'a produce request with acks=0 is not allowed')
  }
  const responses = refused.map(({ name, topicId, partitionData }) => ({
    name,
    topicId,
    partitionResponses: partitionData.map(({ index }) => ({ index, errorCode: idIsRefused ? ID_REFUSED : TOPIC_REFUSED, baseOffset: -1 })),
  }))
  if (allowed.length === 0) return { responses }
  return then(next({ ...request, topicData: allowed }), (answer) => ({ ...answer, responses: [...answer.responses, ...responses] }))
})

function refusedFetch({ topic, topicId, partitions }: FetchRequest['topics'][number]) {
  return {
    topic,
    topicId,
    partitions: partitions.map(({ partition }) => ({
      partitionIndex: partition,
      errorCode: TOPIC_REFUSED,
      highWatermark: -1,
      abortedTransactions: null,
      records: EMPTY,
    })),
  }
}

const fetch = guard(Fetch, (request, context, next) => {
  const isFollower = request.replicaId >= 0 || request.replicaState.replicaId >= 0
  const mayFollow = isFollower && context.session.allowsCluster('clusterAction')
  const may = (name: string, topicId: string): boolean => (isFollower ? mayFollow : mayUse(context, 'read', name, topicId))
  const { allowed, refused } = part(request.topics, ({ topic, topicId }) => may(topic, topicId))
  // A refusal is not worth waiting for.
  const asked = refused.length === 0 ? request : { ...request, topics: allowed, maxWaitMs: 0 }
  return then(next(asked), (answer) => {
    // A session knows topics that this request does not name, and who might read them then may not now.
    const isGood = answer.responses.every(({ topic, topicId }) => may(topic ?? '', topicId ?? ZERO_UUID))
    if (isGood && refused.length === 0) return answer
    const responses = answer.responses.map((each) => {
      if (may(each.topic ?? '', each.topicId ?? ZERO_UUID)) return each
      const partitions = each.partitions.map(({ partitionIndex }) => ({ partition: partitionIndex }))
      return refusedFetch({ topic: each.topic ?? '', topicId: each.topicId ?? ZERO_UUID, partitions } as FetchRequest['topics'][number])
    })
    return { ...answer, responses: [...responses, ...refused.map(refusedFetch)] }
  })
})

const listOffsets = guard(ListOffsets, (request, context, next) => {
  const { allowed, refused } = part(request.topics, ({ name }) => mayUse(context, 'describe', name))
  if (refused.length === 0) return next(request)
  const topics = refused.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: TOPIC_REFUSED })),
  }))
  return then(next({ ...request, topics: allowed }), (answer) => ({ ...answer, topics: [...answer.topics, ...topics] }))
})

const deleteRecords = guard(DeleteRecords, (request, { session }, next) => {
  const { allowed, refused } = part(request.topics, ({ name }) => session.allows('delete', 'topic', name))
  if (refused.length === 0) return next(request)
  const topics = refused.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, lowWatermark: -1, errorCode: TOPIC_REFUSED })),
  }))
  return then(next({ ...request, topics: allowed }), (answer) => ({ ...answer, topics: [...answer.topics, ...topics] }))
})

const offsetForLeaderEpoch = guard(OffsetForLeaderEpoch, (request, { session }, next) => {
  const { allowed, refused } = part(
    request.topics,
    ({ topic }) => session.allowsCluster('clusterAction') || session.allows('describe', 'topic', topic),
  )
  if (refused.length === 0) return next(request)
  const topics = refused.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map(({ partition }) => ({ partition, errorCode: TOPIC_REFUSED })),
  }))
  return then(next({ ...request, topics: allowed }), (answer) => ({ ...answer, topics: [...answer.topics, ...topics] }))
})

const describeProducers = guard(DescribeProducers, (request, { session }, next) => {
  const { allowed, refused } = part(request.topics, ({ name }) => session.allows('read', 'topic', name))
  if (refused.length === 0) return next(request)
  const topics = refused.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode: TOPIC_REFUSED, activeProducers: [] })),
  }))
  return then(next({ ...request, topics: allowed }), (answer) => ({ ...answer, topics: [...answer.topics, ...topics] }))
})

/** Calls about records in partitions. */
export const recordGuards: readonly NamedGuard[] = [produce, fetch, listOffsets, deleteRecords, offsetForLeaderEpoch, describeProducers]
