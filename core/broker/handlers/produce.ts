import { KafkaError, errorCode, kafkaError } from '../../protocol/errors.ts'
import { MoldauError, messageOf } from '../../base/errors.ts'
import { Produce } from '../../protocol/messages/produce.ts'
import type { ProduceRequest, ProduceResponse } from '../../protocol/messages/produce.ts'
import type { Input } from '../../protocol/schema.ts'
import { BATCH_OVERHEAD, compressionOf, isTransactional, producerEpoch, producerId } from '../../record/batch.ts'
import type { Partition } from '../../replica/partition.ts'
import { handler } from '../handler.ts'
import type { RequestContext } from '../handler.ts'
import { partitionOf } from '../lookup.ts'
import { minInsyncReplicas } from '../topic-settings.ts'

type Response = Input<typeof ProduceResponse>
type PartitionAnswer = Response['responses'][number]['partitionResponses'][number]
type Data = ProduceRequest['topicData'][number]

/** Batches of magic 2 came with version 3. Older versions are advertised (KAFKA-18659: librdkafka wants to see 0) and refused. */
const OLDEST_SERVED = 3

/** Zstandard came with version 7 (KIP-110). */
const ZSTD_SINCE = 7

/** Transactions v2 came with version 12. */
const ADDS_PARTITIONS_SINCE = 12

/** Kafka's name for the one client that may write internal topics. */
const ADMIN_CLIENT = '__admin_client'

/** What is appended, and waits to be safe on disk. */
interface Appended {
  name: string
  answer: PartitionAnswer
  safe: Promise<void>
}

/**
 * Produce 3 to 13: appends one or more batches to partitions.
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
    if (context.version < OLDEST_SERVED)
      throw kafkaError('UNSUPPORTED_VERSION', `Produce ${context.version}: send record batches with version 3 or newer`)
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
  records: Buffer,
  appended: Appended[],
): PartitionAnswer {
  checkBatches(context, partition, records)
  const transactional = isTransactional(records, 0)
  // Asked and appended in one turn: no marker can come between.
  if (transactional) checkTransaction(request, context, partition, records)
  const info = partition.append(records, 'client')
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

/** What the log does not know: the client's version, and that the header is there at all. */
function checkBatches(context: RequestContext, partition: Partition, records: Buffer): void {
  const name = `${partition.topic}-${partition.index}`
  if (records.length < BATCH_OVERHEAD) throw kafkaError('CORRUPT_MESSAGE', `${name}: ${records.length} bytes are no record batch`)
  if (context.version < ZSTD_SINCE && compressionOf(records, 0) === 'zstd') {
    throw kafkaError('UNSUPPORTED_COMPRESSION_TYPE', `${name}: zstd needs Produce ${ZSTD_SINCE} or newer`)
  }
  if (partition.internal && context.clientId !== ADMIN_CLIENT) {
    throw kafkaError('INVALID_TOPIC_EXCEPTION', `${name}: internal topics are written by the broker only`)
  }
}

/** The partition must be part of the open transaction; from v12 on producing adds it (KIP-890). */
function checkTransaction(request: ProduceRequest, { broker, version }: RequestContext, partition: Partition, records: Buffer): void {
  const { topic, index } = partition
  const id = request.transactionalId
  if (id === null) throw kafkaError('INVALID_RECORD', `${topic}-${index}: a transactional batch needs the transactional id in its request`)
  const added = version >= ADDS_PARTITIONS_SINCE
  const error = broker.transactions.verifyOrAdd(id, producerId(records, 0), producerEpoch(records, 0), [{ topic, partition: index }], added)
  if (error !== 'NONE') throw kafkaError(error, `${topic}-${index}, transactional id ${id}`)
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
async function settle(appended: readonly Appended[], context: RequestContext): Promise<void> {
  const refused = ({ answer, name }: Appended, error: unknown): void =>
    void Object.assign(answer, failed(context, name, answer.index, error))
  await Promise.all(appended.map((entry) => entry.safe.catch((error: unknown) => refused(entry, error))))
}

function failed({ broker, remote }: RequestContext, name: string, index: number, error: unknown): PartitionAnswer {
  if (!(error instanceof KafkaError))
    broker.logger.error({ partition: name, remote, err: error }, `produce to ${name} failed: ${messageOf(error)}`)
  const code = error instanceof KafkaError ? error.kafkaCode : error instanceof MoldauError ? 'KAFKA_STORAGE_ERROR' : 'UNKNOWN_SERVER_ERROR'
  const message = messageOf(error)
  return { index, errorCode: errorCode(code), baseOffset: -1, errorMessage: message.includes(name) ? message : `${name}: ${message}` }
}
