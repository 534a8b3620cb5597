import type { TopicPartition } from '../cluster/topic-partition.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import { messageOf } from '../base/errors.ts'
import type { PendingBatch } from './pending-batch.ts'

/** Something that went wrong: what was being done, and what came of it. */
export interface Failure {
  readonly message: string
  readonly cause: unknown
}

/** What happens in a producer that somebody may want to show. */
export interface ProducerEvents {
  /** A batch was not written; also told by send() or flush(). */
  error: Failure
  closed: object
}

/** What happens in a consumer that somebody may want to show. */
export interface ConsumerEvents {
  /** Partitions have come, by assign() or from the group: then the listener has been told. */
  assigned: { partitions: readonly TopicPartition[] }
  /** Partitions are given up, by assign() or to the group: then the listener has been told. */
  revoked: { partitions: readonly TopicPartition[] }
  /** Partitions went to somebody else; the listener has been told. */
  lost: { partitions: readonly TopicPartition[] }
  /** What poll() or commit() throws, and automatic commits that failed: those throw nothing. */
  error: Failure
  closed: object
}

export function batchFailure(batch: PendingBatch, error: Error): Failure {
  return { message: `${batch.content.count} records for ${tpKey(batch.queue)}: ${messageOf(error)}`, cause: error }
}
