import * as batch from '../record/batch.ts'
import { decodeBatch } from '../record/columns.ts'
import type { RecordColumns } from '../record/columns.ts'
import type { CompressionName } from '../record/compression-names.ts'
import { readControl } from '../record/control.ts'
import type { GroupMetadata, TopicPartition } from './types.ts'

/** What came with the batch in a fetch answer. */
export interface RawOrigin extends TopicPartition {
  topicId: string
  highWatermark: number
  logStartOffset: number
}

/**
 * A record batch as it lies in the log of a partition: bytes that nobody has decoded or decompressed, and what its header says.
 * Made by {@link Consumer.pollRaw}, taken by {@link Producer.sendRaw}.
 */
export class RawBatch implements TopicPartition {
  readonly topic: string
  readonly partition: number
  readonly topicId: string
  /** Header and records, with the checksum that the log has. A view of the fetch answer: not to be written to. */
  readonly bytes: Buffer
  /** Whether the checksum was compared with the bytes. */
  readonly verified: boolean
  readonly highWatermark: number
  readonly logStartOffset: number
  /** Who the consumer was in its group when it handed the batch out; null outside of a group. */
  group: GroupMetadata | null

  constructor(origin: RawOrigin, bytes: Buffer, verified: boolean) {
    this.topic = origin.topic
    this.partition = origin.partition
    this.topicId = origin.topicId
    this.bytes = bytes
    this.verified = verified
    this.highWatermark = origin.highWatermark
    this.logStartOffset = origin.logStartOffset
    this.group = null
  }

  /** May lie before the position that was asked for: a batch is not cut. */
  get baseOffset(): number {
    return batch.baseOffset(this.bytes, 0)
  }

  /** The offset after this batch: what to commit when it is done. */
  get nextOffset(): number {
    return batch.nextOffset(this.bytes, 0)
  }

  /** Records in it; fewer than its offsets where compaction has removed some. */
  get count(): number {
    return batch.recordCount(this.bytes, 0)
  }

  /** Compaction has removed records: no broker takes such a batch from a producer. Write its {@link RawBatch.columns} instead. */
  get hasHoles(): boolean {
    return batch.hasHoles(this.bytes, 0)
  }

  get leaderEpoch(): number {
    return batch.leaderEpoch(this.bytes, 0)
  }

  get compression(): CompressionName {
    return batch.compressionOf(this.bytes, 0)
  }

  /** LogAppendTime: the log has given all records the time {@link RawBatch.maxTimestamp}. */
  get timestampType(): 'CreateTime' | 'LogAppendTime' {
    return batch.timestampType(this.bytes, 0)
  }

  get maxTimestamp(): number {
    return batch.maxTimestamp(this.bytes, 0)
  }

  get producerId(): number {
    return batch.producerId(this.bytes, 0)
  }

  get producerEpoch(): number {
    return batch.producerEpoch(this.bytes, 0)
  }

  get baseSequence(): number {
    return batch.baseSequence(this.bytes, 0)
  }

  /** Written in a transaction of {@link RawBatch.producerId}: whether that was committed, its marker says. */
  get transactional(): boolean {
    return batch.isTransactional(this.bytes, 0)
  }

  /** The marker at the end of a transaction, or null for records. `other`: of Kafka's own quorum. */
  get control(): 'commit' | 'abort' | 'other' | null {
    return batch.isControl(this.bytes, 0) ? readControl(this.columns()) : null
  }

  /** Decodes the records. @throws MoldauError CORRUPT_BATCH */
  columns(): RecordColumns {
    return decodeBatch(this.bytes, 0)
  }
}
