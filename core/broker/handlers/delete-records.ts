import { KafkaError, errorCode, kafkaError } from '../../protocol/errors.ts'
import { DeleteRecords } from '../../protocol/messages/delete-records.ts'
import { handler } from '../handler.ts'
import type { RequestContext } from '../handler.ts'
import { partitionOf } from '../lookup.ts'

/** An offset that stands for "up to the high watermark". */
const TO_HIGH_WATERMARK = -1

/** DeleteRecords 0 to 2 (KIP-107): moves the start of partitions forward. */
export const deleteRecords = handler({
  api: DeleteRecords,
  minVersion: 0,
  maxVersion: 2,
  handle(request, context) {
    return {
      throttleTimeMs: 0,
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, offset }) => ({
          partitionIndex,
          ...deleteBefore(context, name, partitionIndex, offset),
        })),
      })),
    }
  },
})

function deleteBefore(
  { broker }: RequestContext,
  topic: string,
  index: number,
  wanted: number,
): { lowWatermark: number; errorCode: number } {
  try {
    const { log, internal } = partitionOf(broker, topic, '', index, false)
    if (internal) throw kafkaError('INVALID_TOPIC_EXCEPTION', `${topic} belongs to the broker itself`)
    if (isOnlyCompacted(log.config.cleanupPolicy))
      throw kafkaError('POLICY_VIOLATION', `records of ${topic} are not deleted: its cleanup.policy is ${log.config.cleanupPolicy}`)
    const offset = wanted === TO_HIGH_WATERMARK ? log.highWatermark : wanted
    if (offset < 0 || offset > log.highWatermark) throw kafkaError('OFFSET_OUT_OF_RANGE', `${topic}-${index} ends at ${log.highWatermark}`)
    log.deleteRecordsBefore(offset)
    return { lowWatermark: log.logStartOffset, errorCode: 0 }
  } catch (error) {
    if (!(error instanceof KafkaError)) broker.logger.error({ partition: `${topic}-${index}`, err: error }, 'records could not be deleted')
    return { lowWatermark: -1, errorCode: errorCode(error instanceof KafkaError ? error.kafkaCode : 'KAFKA_STORAGE_ERROR') }
  }
}

function isOnlyCompacted(policy: string): boolean {
  return policy.includes('compact') && !policy.includes('delete')
}
