import type { TopicPartition } from '../cluster/topic-partition.ts'
import type { RecordColumns } from '../record/columns.ts'

export type { TopicPartition } from '../cluster/topic-partition.ts'
export type { Header } from '../record/header.ts'
export type { RecordColumns } from '../record/columns.ts'

/** A header as a program may give it. Strings are written as UTF-8. */
export interface NewHeader {
  readonly key: string
  readonly value: Buffer | string | null
}

/** What a program hands to {@link Producer.send}. Strings are written as UTF-8. */
export interface ProducerRecord {
  topic: string
  /** Default: chosen by the key; without a key one partition per batch, in turn at random. */
  partition?: number
  key?: Buffer | string | null
  value: Buffer | string | null
  /** Milliseconds since 1970; default now. */
  timestamp?: number
  headers?: readonly NewHeader[]
}

/** Where a record ended up. */
export interface RecordMetadata extends TopicPartition {
  /** -1 with acks 0, and for a duplicate that the broker no longer knows the place of. */
  offset: number
  /** Milliseconds since 1970: the record's own, or the broker's where `message.timestamp.type` is LogAppendTime. */
  timestamp: number
}

/** One record of a {@link ProducerBatch}. */
export type ProducerRow = Pick<ProducerRecord, 'key' | 'value' | 'timestamp' | 'headers'>

/**
 * Many records of one topic for {@link Producer.sendBatch}: as columns, which cost no object per record, or as anything that can be
 * iterated. Strings are written as UTF-8.
 */
export type ProducerBatch = {
  topic: string
  /** All to this one; default: each where the partitioner says. */
  partition?: number
} & (
  | {
      values: readonly (Buffer | string | null)[]
      /** As many as values; default: no keys. */
      keys?: readonly (Buffer | string | null)[]
      /** Milliseconds since 1970, as many as values; default now. */
      timestamps?: ArrayLike<number>
      /** As many as values. */
      headers?: readonly (readonly NewHeader[] | undefined)[]
    }
  | { records: Iterable<ProducerRow> }
)

/** Records that were written one after the other; {@link RecordMetadata.offset} and timestamp are those of the first. */
export interface WrittenRange extends RecordMetadata {
  count: number
}

/** A position to commit. */
export interface OffsetToCommit extends TopicPartition {
  /** The next offset to read. */
  offset: number
  /**
   * The topic that was read ({@link ConsumerBatch.topicId}): with it {@link Consumer.commit} refuses to give the position to another one that has
   * its name now, where brokers go by topic ids.
   */
  topicId?: string
  leaderEpoch?: number
  metadata?: string
}

export interface CommittedOffset {
  offset: number
  leaderEpoch: number
  metadata: string
}

/** Who commits: lets the coordinator refuse a member that has been replaced (KIP-447). */
export interface GroupMetadata {
  groupId: string
  /** -1 outside of group membership. */
  generation: number
  memberId: string
  groupInstanceId: string | null
}

/** The records of one batch of the log that the consumer has not had yet. */
export interface ConsumerBatch extends TopicPartition {
  /** The zero UUID when the broker is too old to tell. A topic that was deleted and created again has another one. */
  topicId: string
  columns: RecordColumns
  /** Index in {@link ConsumerBatch.columns} of the first record to read: a fetch inside a batch returns the whole batch. */
  from: number
  /** Records from {@link ConsumerBatch.from} on. */
  count: number
  firstOffset: number
  /** The offset after this batch: what to commit when its records are done. */
  nextOffset: number
  leaderEpoch: number
  highWatermark: number
  logStartOffset: number
  /** Who the consumer was in its group when it handed the batch out, one object per generation; null outside of a group. */
  group: GroupMetadata | null
}

/** How to wait for what is to come. */
export interface PollOptions {
  /** Ends the wait when it is aborted. */
  signal?: AbortSignal | undefined
}

/**
 * Called inside {@link Consumer.poll}, which waits for what they return. The eager protocol (`range`, `roundrobin`, `sticky`) revokes and assigns
 * everything at each rebalance; `cooperative-sticky` and `groupProtocol: 'consumer'` only what goes and what is new.
 */
export interface RebalanceListener {
  onAssigned?(partitions: TopicPartition[]): void | Promise<void>
  /** The partitions are still ours: the last moment to commit. Without `onLost` it is called for those that are lost, too. */
  onRevoked?(partitions: TopicPartition[]): void | Promise<void>
  /**
   * The partitions belong to somebody else already: a commit would be refused. Where there is no `onLost`, `onRevoked` is called in its place (as
   * Java does), so that what is kept per partition is given up in any case: a listener whose `onRevoked` commits needs both.
   */
  onLost?(partitions: TopicPartition[]): void | Promise<void>
}

/** By duration: the first record that is not older than that (KIP-1106); where all are, the end. */
export type OffsetReset = 'earliest' | 'latest' | 'none' | `by_duration:${string}` | { byDurationMs: number }
export type Isolation = 'read_committed' | 'read_uncommitted'

/** An offset, where the log begins or ends, or the first record at or after a time (milliseconds since 1970): the end where all are older. */
export type OffsetSpec = number | 'earliest' | 'latest' | { timestamp: number }
