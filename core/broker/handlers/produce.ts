import { KafkaError, type KafkaErrorName, detailOf, errorCode, kafkaError } from '../../protocol/errors.ts'
import { MoldauError, messageOf } from '../../base/errors.ts'
import { Produce } from '../../protocol/messages/produce.ts'
import type { ProduceRequest, ProduceResponse } from '../../protocol/messages/produce.ts'
import type { Input } from '../../protocol/schema.ts'
import { isTransactional, producerEpoch, producerId } from '../../record/batch.ts'
import { RecordValidationError } from '../../log/record-errors.ts'
import type { Partition } from '../../replica/partition.ts'
import { abortableAs } from '../coordinator-answers.ts'
import { handler } from '../handler.ts'
import type { RequestContext } from '../handler.ts'
import { partitionOf } from '../lookup.ts'
import { batchOf } from '../produced-batch.ts'
import { minInsyncReplicas } from '../topic-settings.ts'

type Response = Input<typeof ProduceResponse>
type PartitionAnswer = Response['responses'][number]['partitionResponses'][number]
type Data = ProduceRequest['topicData'][number]

/** Transactions v2 came with version 12. */
const ADDS_PARTITIONS_SINCE = 12
/** TRANSACTION_ABORTABLE came with version 11 (KIP-890 part 1). */
const ABORTABLE_SINCE = 11

/** Kafka's name for the one client that may write internal topics. */
const ADMIN_CLIENT = '__admin_client'

/** Answers of the transaction coordinator that producers would not wait out; NOT_ENOUGH_REPLICAS makes them try again, as in Kafka. */
const retriable: ReadonlySet<KafkaErrorName> = new Set(['COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR'])

/** What is appended, and waits to be safe on disk. */
interface Appended {
  name: string
  answer: PartitionAnswer
  safe: Promise<void>
}

/**
 * Produce 0 to 13: appends one batch to each partition; before version 3 it comes in the message formats of before 0.11.
 * acks=0 is not answered; an error then ends the connection. acks=all waits for the disk when durability is 'disk'; data of a
 * transaction is synced when it commits, not before. A sync that flush.messages makes due is waited for by every answer, as in Kafka. v8 answers error messages, v13 takes topic ids (KIP-516).
 */
export const produce = handler({
  api: Produce,
  minVersion: 0,
  maxVersion: 13,
  // Written to the log before the first wait.
  readsAtOnce: true,
  handle(request, context) {
    const appended: Appended[] = []
    const responses = request.topicData.map((data) => ({
      name: data.name,
      topicId: data.topicId,
      partitionResponses: data.partitionData.map(({ index, records }) => append(request, context, data, index, records, appended)),
    }))
    if (request.acks === 0) return unanswered(responses)
    if (appended.length === 0) return { responses }
    return settle(appended, context).then(() => ({ responses }))
  },
})

function append(
  request: ProduceRequest,
  context: RequestContext,
  data: Data,
  index: number,
  records: Buffer | null,
  appended: Appended[],
): PartitionAnswer {
  try {
    if (request.acks < -1 || request.acks > 1) throw kafkaError('INVALID_REQUIRED_ACKS', `acks=${request.acks}`)
    const partition = partitionOf(context.broker, data.name, data.topicId, index, context.version >= 13)
    if (records === null || records.length === 0) throw kafkaError('INVALID_RECORD', `nothing to append to ${partition.topic}-${index}`)
    checkReplicas(request, context, partition)
    return appendTo(request, context, partition, records, appended)
  } catch (error) {
    const name = data.name || context.broker.topics.byId(data.topicId)?.name || data.topicId
    return failed(context, `${name}-${index}`, index, error)
  }
}

function appendTo(
  request: ProduceRequest,
  context: RequestContext,
  partition: Partition,
  sent: Buffer,
  appended: Appended[],
): PartitionAnswer {
  checkInternal(context, partition)
  const records = batchOf(sent, context.version, partition.log.config)
  const transactional = isTransactional(records, 0)
  // Asked and appended in one turn: no marker can come between.
  if (transactional) checkTransaction(request, context, partition, records)
  const info = partition.append(records, 'client', context.version >= ADDS_PARTITIONS_SINCE ? 2 : 0)
  const answer = {
    index: partition.index,
    errorCode: 0,
    baseOffset: info.baseOffset,
    logAppendTimeMs: info.logAppendTime,
    logStartOffset: partition.log.logStartOffset,
  }
  const waits = partition.log.mustSync || (request.acks === -1 && !transactional && context.broker.config.get('durability') === 'disk')
  if (waits && request.acks !== 0)
    appended.push({ name: `${partition.topic}-${partition.index}`, answer, safe: partition.log.whenFlushed(info.lastOffset + 1) })
  return answer
}

function checkInternal({ clientId }: RequestContext, { topic, index, internal }: Partition): void {
  if (!internal || clientId === ADMIN_CLIENT) return
  throw kafkaError('INVALID_TOPIC_EXCEPTION', `${topic}-${index}: internal topics are written by the broker only`)
}

/** The partition must be part of the open transaction; from v12 on producing adds it (KIP-890). */
function checkTransaction(request: ProduceRequest, { broker, version }: RequestContext, partition: Partition, records: Buffer): void {
  const { topic, index } = partition
  const id = request.transactionalId
  if (id === null) {
    throw kafkaError('TRANSACTIONAL_ID_AUTHORIZATION_FAILED', `${topic}-${index}: a transactional batch needs the id in its request`)
  }
  const added = version >= ADDS_PARTITIONS_SINCE
  const error = broker.transactions.verifyOrAdd(id, producerId(records, 0), producerEpoch(records, 0), [{ topic, partition: index }], added)
  if (error === 'NONE') return
  if (producerId(records, 0) >= 0) partition.log.refused(records)
  const passes = retriable.has(error) || (error === 'CONCURRENT_TRANSACTIONS' && !added)
  throw kafkaError(
    passes ? 'NOT_ENOUGH_REPLICAS' : abortableAs(error, version >= ABORTABLE_SINCE),
    `${topic}-${index}, transactional id ${id}${passes ? `: ${error}` : ''}`,
  )
}

/** One broker is one replica: a topic that wants more cannot be written with acks=all. */
function checkReplicas(request: ProduceRequest, { broker }: RequestContext, partition: Partition): void {
  if (request.acks === -1 && minInsyncReplicas(broker.topics.get(partition.topic)?.configs, broker.config) > 1) {
    throw kafkaError('NOT_ENOUGH_REPLICAS', `${partition.topic}-${partition.index} has 1 of the min.insync.replicas it is set to`)
  }
}

/** With acks=0 the end of the connection is the only way to tell that something went wrong. */
function unanswered(responses: Response['responses']): undefined {
  for (const { partitionResponses } of responses) {
    const wrong = partitionResponses.find((answer) => answer.errorCode !== 0)
    if (wrong !== undefined) throw new MoldauError('PROTOCOL', wrong.errorMessage ?? 'a produce request with acks=0 failed')
  }
  return undefined
}

/** Waits until everything is on disk; what is not becomes an error of its partition. */
function settle(appended: readonly Appended[], context: RequestContext): Promise<unknown> {
  const safely = ({ answer, name, safe }: Appended): Promise<unknown> =>
    safe.catch((error: unknown) => Object.assign(answer, failed(context, name, answer.index, error)))
  // Most requests have one partition, and many come with each sync.
  return appended.length === 1 ? safely(appended[0]!) : Promise.all(appended.map(safely))
}

function failed({ broker, remote }: RequestContext, name: string, index: number, error: unknown): PartitionAnswer {
  if (!(error instanceof KafkaError))
    broker.logger.error({ partition: name, remote, err: error }, `produce to ${name} failed: ${messageOf(error)}`)
  const code = error instanceof KafkaError ? error.kafkaCode : error instanceof MoldauError ? 'KAFKA_STORAGE_ERROR' : 'UNKNOWN_SERVER_ERROR'
  const message = detailOf(error)
  const recordErrors = error instanceof RecordValidationError ? error.recordErrors : []
  const errorMessage = message.includes(name) ? message : `${name}: ${message}`
  return { index, errorCode: errorCode(code), baseOffset: -1, recordErrors, errorMessage }
}
