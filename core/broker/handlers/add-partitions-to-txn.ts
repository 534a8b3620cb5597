import type { TopicPartition } from '../../coordinator/partition-writer.ts'
import { type KafkaErrorName } from '../../protocol/errors.ts'
import { AddPartitionsToTxn } from '../../protocol/messages/add-partitions-to-txn.ts'
import type { AddPartitionsToTxnRequest } from '../../protocol/messages/add-partitions-to-txn.ts'
import { byTopic, callerOf, exists, fencedAs, nameOf } from '../coordinator-answers.ts'
import { handler } from '../handler.ts'
import type { RequestContext } from '../handler.ts'

type Topics = AddPartitionsToTxnRequest['v3AndBelowTopics']

interface Addition {
  transactionalId: string
  producerId: number
  producerEpoch: number
  verifyOnly: boolean
  topics: Topics
}

/**
 * AddPartitionsToTxn 0 to 5: partitions join the transaction, all or none. Clients of transactions v2 send none of these (KIP-890); versions 4
 * and 5 are what brokers ask each other, several transactions at once, or only whether partitions belong to one.
 */
export const addPartitionsToTxn = handler({
  api: AddPartitionsToTxn,
  minVersion: 0,
  maxVersion: 5,
  async handle(request, context) {
    if (context.version < 4) {
      const topics = await add(context, additionOf(request))
      return { throttleTimeMs: 0, resultsByTopicV3AndBelow: topics }
    }
    const results = request.transactions.map(async (each) => ({
      transactionalId: each.transactionalId,
      topicResults: await add(context, each),
    }))
    return { throttleTimeMs: 0, errorCode: 0, resultsByTransaction: await Promise.all(results) }
  },
})

function additionOf(request: AddPartitionsToTxnRequest): Addition {
  return {
    transactionalId: request.v3AndBelowTransactionalId,
    producerId: request.v3AndBelowProducerId,
    producerEpoch: request.v3AndBelowProducerEpoch,
    verifyOnly: false,
    topics: request.v3AndBelowTopics,
  }
}

async function add(context: RequestContext, addition: Addition) {
  const { broker, version } = context
  const partitions = addition.topics.flatMap(({ name, partitions: indexes }) => indexes.map((partition) => ({ topic: name, partition })))
  const unknown = new Set(partitions.filter((each) => !exists(broker, each)))
  const error = unknown.size > 0 ? 'OPERATION_NOT_ATTEMPTED' : await addAll(context, addition, partitions)
  return byTopic(partitions, (each) => ({
    partitionIndex: each.partition,
    partitionErrorCode: fencedAs(unknown.has(each) ? 'UNKNOWN_TOPIC_OR_PARTITION' : error, version >= 2),
  })).map(({ topic, partitions: results }) => ({ name: topic, resultsByPartition: results }))
}

async function addAll(context: RequestContext, addition: Addition, partitions: TopicPartition[]): Promise<KafkaErrorName> {
  const { transactions } = context.broker
  // What brokers ask each other is not held up with a client's connection.
  const caller = context.version < 4 ? callerOf(context) : undefined
  const { transactionalId, producerId, producerEpoch: epoch } = addition
  if (addition.verifyOnly) return transactions.verifyOrAdd(transactionalId, producerId, epoch, partitions, false)
  try {
    return await transactions.addPartitions(transactionalId, { producerId, epoch }, partitions, caller)
  } catch (error) {
    return nameOf(error)
  }
}
