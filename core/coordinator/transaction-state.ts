import { Callers } from './callers.ts'
import type { Moment } from './moment.ts'
import { TopicMap } from './topic-map.ts'
import type { TopicPartition } from './partition-writer.ts'

/**
 * States of a transactional id; the numbers are those of Kafka's log format.
 *
 * - Empty: an instance is known, no transaction. AddPartitions -> Ongoing; InitProducerId stays, with a higher epoch.
 * - Ongoing: partitions are part of it. EndTxn -> PrepareCommit or PrepareAbort; time-out or a new instance -> PrepareAbort
 *   with a higher epoch.
 * - PrepareCommit, PrepareAbort: decided and durable, markers are being written. Everything else gets CONCURRENT_TRANSACTIONS;
 *   after a crash the markers are written again. -> CompleteCommit or CompleteAbort.
 * - CompleteCommit, CompleteAbort: over. As Empty, and a repeated EndTxn is answered as the first one was.
 * - Dead: expired; a tombstone is in the log.
 * - PrepareEpochFence: a newer epoch is on its way into PrepareAbort. Never written to the log.
 */
export const TxnState = {
  empty: 'Empty',
  ongoing: 'Ongoing',
  prepareCommit: 'PrepareCommit',
  prepareAbort: 'PrepareAbort',
  completeCommit: 'CompleteCommit',
  completeAbort: 'CompleteAbort',
  dead: 'Dead',
  prepareEpochFence: 'PrepareEpochFence',
} as const

export type TxnStateName = (typeof TxnState)[keyof typeof TxnState]

/** Position = the number in the log. */
export const txnStates: readonly TxnStateName[] = Object.values(TxnState)

/** The last epoch a client may use is one less: the bump that ends its transaction must fit. */
export const EPOCH_MAX = 32767

/** Which protocol the client speaks: 0 = AddPartitionsToTxn by the client, 2 = KIP-890, epoch bumped at every end. */
export type TransactionVersion = 0 | 2

export interface Transaction {
  readonly id: string
  producerId: number
  /** The id before the epochs ran out, so that its last owner may still come back (KIP-360); -1 if none. */
  previousProducerId: number
  /** The id that takes over when this transaction is complete; -1 if the present one stays. */
  nextProducerId: number
  /** -1 before the first InitProducerId is answered. */
  epoch: number
  /** The epoch before the last bump, if its owner asked for the bump; -1 otherwise. */
  lastEpoch: number
  timeoutMs: number
  state: TxnStateName
  partitions: TopicMap<true>
  /** Wall time, -1 when no transaction is open. */
  startedAt: number
  updatedAt: number
  version: TransactionVersion
  /** When an open transaction is aborted, on the monotonic clock. */
  deadline: number
  /** A step is between decision and log: the next request has to wait. */
  busy: boolean
  /** Data acknowledged before a power loss may be gone, even all of it: a commit would be a lie until the client has aborted or a new one took over. */
  suspect: boolean
  /** Over which connections the producer has been heard. Not written to the log: connections do not outlive us. */
  readonly callers: Callers
}

/** What __transaction_state keeps. */
export interface TransactionSnapshot {
  producerId: number
  previousProducerId: number
  nextProducerId: number
  epoch: number
  timeoutMs: number
  state: TxnStateName
  partitions: readonly TopicPartition[]
  startedAt: number
  updatedAt: number
  version: TransactionVersion
}

export function newTransaction(id: string, producerId: number, timeoutMs: number, now: Moment): Transaction {
  return {
    id,
    producerId,
    previousProducerId: -1,
    nextProducerId: -1,
    epoch: -1,
    lastEpoch: -1,
    timeoutMs,
    state: TxnState.empty,
    partitions: new TopicMap(),
    startedAt: -1,
    updatedAt: now.wall,
    version: 0,
    deadline: Infinity,
    busy: false,
    suspect: false,
    callers: new Callers(),
  }
}

/** In place of the time of the last update: a transaction stays suspect over further restarts, in a format that has no field for it. */
const SUSPECT = 0

export function snapshotTransaction(txn: Transaction): TransactionSnapshot {
  return {
    producerId: txn.producerId,
    previousProducerId: txn.previousProducerId,
    nextProducerId: txn.nextProducerId,
    epoch: txn.epoch,
    timeoutMs: txn.timeoutMs,
    state: txn.state,
    partitions: [...txn.partitions.entries()].map(({ topic, partition }) => ({ topic, partition })),
    startedAt: txn.startedAt,
    updatedAt: txn.suspect ? SUSPECT : txn.updatedAt,
    version: txn.version,
  }
}

export function restoreTransaction(id: string, snapshot: TransactionSnapshot, now: Moment): Transaction {
  const txn = newTransaction(id, snapshot.producerId, snapshot.timeoutMs, now)
  const { partitions, ...rest } = snapshot
  Object.assign(txn, rest)
  for (const { topic, partition } of partitions) txn.partitions.set(topic, partition, true)
  if (txn.updatedAt === SUSPECT) {
    txn.suspect = true
    txn.updatedAt = now.wall
  }
  if (txn.state === TxnState.ongoing) {
    // The wall clock may have jumped while we were away: never wait longer than the time-out, never less than nothing.
    const elapsed = Math.min(Math.max(0, now.wall - txn.startedAt), txn.timeoutMs)
    txn.deadline = now.mono + txn.timeoutMs - elapsed
  }
  return txn
}

/** True while the fate of the transaction is decided and not yet carried out. */
export function isPrepared(txn: Transaction): boolean {
  return txn.state === TxnState.prepareCommit || txn.state === TxnState.prepareAbort
}

/** True when the next bump would leave no epoch for the client. */
export function isEpochExhausted(epoch: number): boolean {
  return epoch >= EPOCH_MAX - 1
}
