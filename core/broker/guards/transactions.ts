import { isInternalTopic } from '../../coordination/topic-name.ts'
import { errorCode, kafkaError } from '../../protocol/errors.ts'
import { AddOffsetsToTxn } from '../../protocol/messages/add-offsets-to-txn.ts'
import { AddPartitionsToTxn } from '../../protocol/messages/add-partitions-to-txn.ts'
import { DescribeTransactions } from '../../protocol/messages/describe-transactions.ts'
import { EndTxn } from '../../protocol/messages/end-txn.ts'
import { InitProducerId } from '../../protocol/messages/init-producer-id.ts'
import { ListTransactions } from '../../protocol/messages/list-transactions.ts'
import { WriteTxnMarkers } from '../../protocol/messages/write-txn-markers.ts'
import type { Session } from '../session.ts'
import { CLUSTER_REFUSED, ID_REFUSED, TOPIC_REFUSED, guard, part, then } from './guard.ts'
import type { NamedGuard } from './guard.ts'

function needsId(session: Session, transactionalId: string): void {
  if (!session.allows('write', 'transactionalId', transactionalId))
    throw kafkaError('TRANSACTIONAL_ID_AUTHORIZATION_FAILED', transactionalId)
}

/** Who may write anything may write it idempotently (KIP-679). */
const initProducerId = guard(InitProducerId, (request, { session }, next) => {
  if (request.transactionalId !== null) needsId(session, request.transactionalId)
  else if (!session.allowsCluster('idempotentWrite') && !session.allowsAny('write', 'topic'))
    throw kafkaError('CLUSTER_AUTHORIZATION_FAILED')
  return next(request)
})

const addPartitionsToTxn = guard(AddPartitionsToTxn, (request, { session, version }, next) => {
  if (version >= 4) {
    if (!session.allowsCluster('clusterAction')) throw kafkaError('CLUSTER_AUTHORIZATION_FAILED')
    return next(request)
  }
  const { v3AndBelowTransactionalId: id, v3AndBelowTopics: topics } = request
  const refusedId = !session.allows('write', 'transactionalId', id)
  const refused = new Set(topics.filter(({ name }) => isInternalTopic(name) || !session.allows('write', 'topic', name)))
  if (!refusedId && refused.size === 0) return next(request)
  const notTried = errorCode('OPERATION_NOT_ATTEMPTED')
  const resultsByTopicV3AndBelow = topics.map((topic) => ({
    name: topic.name,
    resultsByPartition: topic.partitions.map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: refusedId ? ID_REFUSED : refused.has(topic) ? TOPIC_REFUSED : notTried,
    })),
  }))
  return { throttleTimeMs: 0, resultsByTopicV3AndBelow }
})

const addOffsetsToTxn = guard(AddOffsetsToTxn, (request, { session }, next) => {
  needsId(session, request.transactionalId)
  if (!session.allows('read', 'group', request.groupId)) throw kafkaError('GROUP_AUTHORIZATION_FAILED', request.groupId)
  return next(request)
})

const endTxn = guard(EndTxn, (request, { session }, next) => {
  needsId(session, request.transactionalId)
  return next(request)
})

const writeTxnMarkers = guard(WriteTxnMarkers, (request, { session }, next) => {
  if (session.allowsCluster('alter') || session.allowsCluster('clusterAction')) return next(request)
  const markers = request.markers.map(({ producerId, topics }) => ({
    producerId,
    topics: topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode: CLUSTER_REFUSED })),
    })),
  }))
  return { markers }
})

const describeTransactions = guard(DescribeTransactions, (request, { session }, next) => {
  const { allowed, refused } = part(request.transactionalIds, (id) => session.allows('describe', 'transactionalId', id))
  const nothing = { transactionState: '', transactionTimeoutMs: 0, transactionStartTimeMs: 0, producerId: 0, producerEpoch: 0, topics: [] }
  const states = refused.map((transactionalId) => ({ transactionalId, errorCode: ID_REFUSED, ...nothing }))
  return then(next({ ...request, transactionalIds: allowed }), (answer) => ({
    ...answer,
    transactionStates: [
      ...answer.transactionStates.map((state) => ({
        ...state,
        topics: state.topics.filter(({ topic }) => session.allows('describe', 'topic', topic)),
      })),
      ...states,
    ],
  }))
})

const listTransactions = guard(ListTransactions, (request, { session }, next) =>
  then(next(request), (answer) => ({
    ...answer,
    transactionStates: answer.transactionStates.filter(({ transactionalId }) =>
      session.allows('describe', 'transactionalId', transactionalId),
    ),
  })),
)

/** Calls about producers and their transactions. */
export const transactionGuards: readonly NamedGuard[] = [
  initProducerId,
  addPartitionsToTxn,
  addOffsetsToTxn,
  endTxn,
  writeTxnMarkers,
  describeTransactions,
  listTransactions,
]
