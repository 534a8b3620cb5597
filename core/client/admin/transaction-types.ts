import type { TopicPartition } from '../../cluster/topic-partition.ts'
import type { AdminOptions } from './calls.ts'

/** Kafka's TransactionState. */
export const transactionStates = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'PrepareEpochFence',
  'Dead',
] as const
/** `Unknown`: a state that is newer than this client. */
export type TransactionState = (typeof transactionStates)[number] | 'Unknown'

export interface ListTransactionsOptions extends AdminOptions {
  /** Only in one of these states; default all. */
  states?: readonly Exclude<TransactionState, 'Unknown'>[]
  /** Only of these producers; default all. */
  producerIds?: readonly number[]
  /** Only those that have been open for longer, in milliseconds (KIP-994); default all. */
  durationMs?: number
  /** Only ids that this regular expression of RE2 matches as a whole (KIP-1152); default all. */
  transactionalIdPattern?: string
}

export interface ListedTransaction {
  transactionalId: string
  producerId: number
  state: TransactionState
}

export interface TransactionDescription extends ListedTransaction {
  /** Who coordinates it. */
  coordinatorId: number
  producerEpoch: number
  timeoutMs: number
  /** Null when it is not open. */
  startTimeMs: number | null
  partitions: TopicPartition[]
}

/** An open transaction of one partition, as `describeProducers` shows it. */
export interface TransactionToAbort extends TopicPartition {
  producerId: number
  producerEpoch: number
  coordinatorEpoch: number
}

export interface FencedProducer {
  transactionalId: string
  /** What the next producer of this id goes on from. */
  producerId: number
  producerEpoch: number
}
