import { MoldauError } from '../base/errors.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import { errorName, isRetriable, kafkaError } from '../protocol/errors.ts'
import type { ProduceResponse } from '../protocol/messages/produce.ts'
import type { PendingBatch } from './pending-batch.ts'
import { refusedRecords } from './refused-records.ts'

export type Verdict =
  | { kind: 'done'; baseOffset: number; logAppendTime: number }
  | { kind: 'retry'; refresh: boolean; soon?: boolean; error: Error }
  | { kind: 'out of order'; error: Error }
  | { kind: 'too large'; error: Error }
  | { kind: 'failed'; error: Error; culprits?: ReadonlyMap<number, Error> }

export type PartitionAnswer = ProduceResponse['responses'][number]['partitionResponses'][number]

/** Somebody else leads the partition, or it is not where metadata says. */
const staleMetadata: ReadonlySet<string> = new Set([
  'NOT_LEADER_OR_FOLLOWER',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'INCONSISTENT_TOPIC_ID',
  'LEADER_NOT_AVAILABLE',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'KAFKA_STORAGE_ERROR',
])
/** Retried although Kafka's table may not say so: the end of the transaction before is still being written to its partitions. */
const alsoRetried: ReadonlySet<string> = new Set(['CONCURRENT_TRANSACTIONS'])
const sequenceErrors: ReadonlySet<string> = new Set(['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID'])

/** What an answer means for a batch. */
export function judge(batch: PendingBatch, result: PartitionAnswer, isTransactional: boolean): Verdict {
  const error = errorName(result.errorCode)
  if (error === 'NONE') return { kind: 'done', baseOffset: result.baseOffset, logAppendTime: result.logAppendTimeMs }
  // The broker has it, and has forgotten where.
  if (error === 'DUPLICATE_SEQUENCE_NUMBER') return { kind: 'done', baseOffset: -1, logAppendTime: -1 }
  const where = tpKey(batch.queue)
  const detail = result.errorMessage === null ? where : `${where}: ${result.errorMessage}`
  if (sequenceErrors.has(error)) {
    // One before it is missing: that one goes first.
    if (batch.queue.hasEarlier(batch)) return { kind: 'retry', refresh: false, error: kafkaError(error, detail) }
    return { kind: 'out of order', error: kafkaError(error, detail) }
  }
  if (error === 'INVALID_PRODUCER_EPOCH' && !isTransactional) return { kind: 'out of order', error: kafkaError(error, detail) }
  if (error === 'MESSAGE_TOO_LARGE' || error === 'RECORD_LIST_TOO_LARGE') {
    const what = batch.content.count === 1 ? 'a record' : 'a batch'
    const message = `${error}: ${what} of ${batch.builtBytes} bytes is larger than the topic of ${where} takes: raise its max.message.bytes, or write less at once`
    return { kind: 'too large', error: new MoldauError('RECORD_TOO_LARGE', message) }
  }
  if (staleMetadata.has(error)) return { kind: 'retry', refresh: true, error: kafkaError(error, detail) }
  if (alsoRetried.has(error)) return { kind: 'retry', refresh: false, soon: true, error: kafkaError(error, detail) }
  if (isRetriable(result.errorCode)) return { kind: 'retry', refresh: false, error: kafkaError(error, detail) }
  if (result.recordErrors.length > 0) return { kind: 'failed', ...refusedRecords(error, detail, result.recordErrors) }
  return { kind: 'failed', error: kafkaError(error, detail) }
}
