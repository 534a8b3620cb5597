import type { TopicPartition } from '../../cluster/topic-partition.ts'
import type { Isolation } from '../types.ts'
import type { AdminOptions } from './calls.ts'

/** The timestamps that mean a place, and the version of ListOffsets that brought each: an older broker would look for a time. */
export const offsetSpecs = {
  latest: { timestamp: -1, since: 1 },
  earliest: { timestamp: -2, since: 1 },
  maxTimestamp: { timestamp: -3, since: 7 },
  earliestLocal: { timestamp: -4, since: 8 },
  latestTiered: { timestamp: -5, since: 9 },
  earliestPendingUpload: { timestamp: -6, since: 11 },
} as const

export interface OffsetQuestion extends TopicPartition {
  /**
   * A place, or milliseconds since 1970: the first record at or after that time. `maxTimestamp` is the record with the largest timestamp (KIP-734);
   * the others are of tiered storage: `earliestLocal` (KIP-405), `latestTiered` (KIP-1005) and `earliestPendingUpload` (KIP-1023).
   */
  at: keyof typeof offsetSpecs | number
}

export interface OffsetAnswer extends TopicPartition {
  /** -1 when there is no such record. */
  offset: number
  timestamp: number
  /** -1 when it is not known. */
  leaderEpoch: number
}

export interface ListOffsetsOptions extends AdminOptions {
  /** Under 'read_committed' the latest is the last stable offset; default 'read_uncommitted'. */
  isolationLevel?: Isolation
}

export interface RecordsToDelete extends TopicPartition {
  /** Where the partition is to begin; -1: at its end. */
  offset: number
}

export interface DeletedRecords extends TopicPartition {
  /** Where the partition begins now. */
  lowWatermark: number
}

export interface DescribeProducersOptions extends AdminOptions {
  /** Asks this broker, which has a replica, in place of the leaders. */
  brokerId?: number
}

export interface ProducerState {
  producerId: number
  producerEpoch: number
  /** -1 when it has written nothing, as after a marker. */
  lastSequence: number
  lastTimestamp: number
  coordinatorEpoch: number
  /** Where its open transaction begins; -1 when there is none. */
  currentTransactionStartOffset: number
}

export interface PartitionProducers extends TopicPartition {
  producers: ProducerState[]
}
