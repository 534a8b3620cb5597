import type { KafkaErrorName } from '../protocol/errors.ts'
import type { Moment } from './moment.ts'
import type { TopicPartition } from './partition-writer.ts'
import { TopicMap } from './topic-map.ts'
import { EPOCH_MAX, isEpochExhausted, isPrepared, type Transaction, type TransactionVersion, TxnState } from './transaction-state.ts'

/** The producer id and epoch a client believes to have. */
export interface ProducerIdentity {
  readonly producerId: number
  readonly epoch: number
}

export type InitDecision =
  | { kind: 'refuse'; error: KafkaErrorName }
  /** A transaction of the previous instance is open: abort it with {@link prepareFencedAbort}, then ask again. */
  | { kind: 'abort-first' }
  /** The epochs of this producer id are used up: ask again with a fresh one. */
  | { kind: 'needs-producer-id' }
  /** The state is changed and has to be written. */
  | { kind: 'write' }
  /** A repeated request: the answer of before still holds. */
  | { kind: 'repeat' }

/**
 * InitProducerId of a transactional id. Without `expected` a new instance takes over and the epoch rises, so that the
 * instance before it is fenced; with it (KIP-360) the present instance asks for a higher epoch of its own.
 */
export function initProducer(
  txn: Transaction,
  timeoutMs: number,
  expected: ProducerIdentity | null,
  freshProducerId: number | null,
  now: Moment,
): InitDecision {
  if (txn.busy) return { kind: 'refuse', error: 'CONCURRENT_TRANSACTIONS' }
  if (expected !== null && !mayInit(txn, expected)) return { kind: 'refuse', error: 'PRODUCER_FENCED' }
  if (isPrepared(txn)) return { kind: 'refuse', error: 'CONCURRENT_TRANSACTIONS' }
  const ownsEpoch = expected === null || expected.epoch === txn.epoch
  if (txn.state === TxnState.ongoing) return ownsEpoch ? { kind: 'abort-first' } : { kind: 'refuse', error: 'PRODUCER_FENCED' }
  if (isEpochExhausted(txn.epoch) && ownsEpoch) {
    if (freshProducerId === null) return { kind: 'needs-producer-id' }
    txn.previousProducerId = txn.producerId
    txn.producerId = freshProducerId
    txn.lastEpoch = expected === null ? -1 : txn.epoch
    txn.epoch = 0
  } else if (ownsEpoch || txn.epoch === -1) {
    txn.lastEpoch = expected === null ? -1 : txn.epoch
    txn.epoch++
  } else if (expected.epoch === txn.lastEpoch || isLostRotation(txn, expected)) {
    return { kind: 'repeat' }
  } else {
    return { kind: 'refuse', error: 'PRODUCER_FENCED' }
  }
  txn.timeoutMs = timeoutMs
  txn.suspect = false
  txn.callers.clear()
  reset(txn, TxnState.empty, now)
  return { kind: 'write' }
}

function mayInit(txn: Transaction, expected: ProducerIdentity): boolean {
  return txn.epoch === -1 || expected.producerId === txn.producerId || isLostRotation(txn, expected)
}

/** The client did not hear that it had got a new producer id. */
function isLostRotation(txn: Transaction, expected: ProducerIdentity): boolean {
  return expected.producerId === txn.previousProducerId && isEpochExhausted(expected.epoch)
}

function reset(txn: Transaction, state: Transaction['state'], now: Moment): void {
  txn.state = state
  txn.partitions = new TopicMap()
  txn.startedAt = -1
  txn.updatedAt = now.wall
  txn.deadline = Infinity
}

/** Whether this producer may work on the transaction now. */
export function checkProducer(txn: Transaction, producer: ProducerIdentity): KafkaErrorName {
  if (txn.producerId !== producer.producerId) return 'INVALID_PRODUCER_ID_MAPPING'
  if (txn.epoch !== producer.epoch) return 'PRODUCER_FENCED'
  return txn.busy || isPrepared(txn) ? 'CONCURRENT_TRANSACTIONS' : 'NONE'
}

/** Adds partitions, beginning a transaction if none is open. True when something changed and has to be written. Call after {@link checkProducer}. */
export function addPartitions(txn: Transaction, partitions: readonly TopicPartition[], version: TransactionVersion, now: Moment): boolean {
  const open = txn.state === TxnState.ongoing
  if (open && partitions.every(({ topic, partition }) => txn.partitions.has(topic, partition))) return false
  if (!open) {
    reset(txn, TxnState.ongoing, now)
    txn.startedAt = now.wall
    txn.deadline = now.mono + txn.timeoutMs
    txn.version = version
  }
  for (const { topic, partition } of partitions) txn.partitions.set(topic, partition, true)
  txn.updatedAt = now.wall
  return true
}

/** True when the transaction is open and all these partitions belong to it. */
export function hasPartitions(txn: Transaction, partitions: readonly TopicPartition[]): boolean {
  return txn.state === TxnState.ongoing && partitions.every(({ topic, partition }) => txn.partitions.has(topic, partition))
}

/**
 * Aborts from the server's side: the epoch rises, so that what the instance that slept or was replaced still sends is refused. `ownerEpoch` is
 * the epoch of a caller who asked for this itself and may go on (KIP-360), -1 when there is none. With transactions v2 the rise is that of
 * any abort: as in Kafka 4.1 and later the instance may take it for its own, by aborting, and go on unless an heir is there already.
 */
export function prepareFencedAbort(txn: Transaction, ownerEpoch: number, now: Moment): void {
  txn.epoch = Math.min(txn.epoch + 1, EPOCH_MAX)
  txn.lastEpoch = ownerEpoch
  txn.suspect = false
  txn.state = TxnState.prepareAbort
  txn.deadline = Infinity
  txn.updatedAt = now.wall
}

/** The markers are in place. */
export function complete(txn: Transaction, now: Moment): void {
  const committed = txn.state === TxnState.prepareCommit
  reset(txn, committed ? TxnState.completeCommit : TxnState.completeAbort, now)
  if (txn.nextProducerId < 0) return
  txn.previousProducerId = txn.producerId
  txn.producerId = txn.nextProducerId
  txn.nextProducerId = -1
  txn.epoch = 0
}
