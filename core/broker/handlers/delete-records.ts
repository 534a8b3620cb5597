import { isCompacted, isDeleting } from '../../log/config.ts'
import { KafkaError, errorCode, kafkaError } from '../../protocol/errors.ts'
import { DeleteRecords } from '../../protocol/messages/delete-records.ts'
import { handler } from '../handler.ts'
import type { RequestContext } from '../handler.ts'
import { partitionOf } from '../lookup.ts'

/** An offset that stands for "up to the high watermark". */
const TO_HIGH_WATERMARK = -1

interface Deleted {
  lowWatermark: number
  errorCode: number
}

/**
 * DeleteRecords 0 to 2 (KIP-107): moves the start of partitions forward, and answers when that survives a crash. The only replica is in
 * sync with itself, so the low watermark is the new start and nothing waits for followers.
 */
export const deleteRecords = handler({
  api: DeleteRecords,
  minVersion: 0,
  maxVersion: 2,
  async handle(request, context) {
    const places = request.topics.flatMap(({ name: topic, partitions }) =>
      partitions.map(({ partitionIndex: index }) => ({ topic, index })),
    )
    await context.broker.replicas.caughtUp(places)
    const topics = request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, offset }) => ({
        partitionIndex,
        ...answered(context, `${name}-${partitionIndex}`, () => deleteBefore(context, name, partitionIndex, offset)),
      })),
    }))
    try {
      await context.broker.replicas.keepStarts()
      return { throttleTimeMs: 0, topics }
    } catch (error) {
      context.broker.logger.error({ err: error }, 'records could not be deleted: the checkpoint of start offsets cannot be written')
    }
    const failed = ({ partitionIndex, errorCode: code }: (typeof topics)[number]['partitions'][number]) => ({
      partitionIndex,
      lowWatermark: -1,
      errorCode: code === 0 ? errorCode('KAFKA_STORAGE_ERROR') : code,
    })
    return { throttleTimeMs: 0, topics: topics.map(({ name, partitions }) => ({ name, partitions: partitions.map(failed) })) }
  },
})

/** The new low watermark. */
function deleteBefore({ broker }: RequestContext, topic: string, index: number, wanted: number): number {
  const { log, internal } = partitionOf(broker, topic, '', index, false)
  if (internal) throw kafkaError('INVALID_TOPIC_EXCEPTION', `${topic} belongs to the broker itself`)
  const isOnlyCompacted = isCompacted(log.config) && !isDeleting(log.config)
  if (isOnlyCompacted) throw kafkaError('POLICY_VIOLATION', `${topic} is compacted only: cleanup.policy has no 'delete'`)
  return log.deleteRecordsBefore(wanted === TO_HIGH_WATERMARK ? log.highWatermark : wanted)
}

function answered({ broker }: RequestContext, what: string, run: () => number): Deleted {
  try {
    return { lowWatermark: run(), errorCode: 0 }
  } catch (error) {
    if (!(error instanceof KafkaError)) broker.logger.error({ partition: what, err: error }, 'records could not be deleted')
    return { lowWatermark: -1, errorCode: errorCode(error instanceof KafkaError ? error.kafkaCode : 'KAFKA_STORAGE_ERROR') }
  }
}
