import type { KafkaErrorName } from '../protocol/errors.ts'
import type { Moment } from './moment.ts'
import type { ProducerIdentity } from './transaction.ts'
import { EPOCH_MAX, isEpochExhausted, type Transaction, type TransactionVersion, TxnState } from './transaction-state.ts'

export type EndDecision =
  | { kind: 'refuse'; error: KafkaErrorName }
  /** The epochs of the producer id run out with this bump: ask again with a fresh one. */
  | { kind: 'needs-producer-id' }
  /** A repeated request: it has been done, the answer is the present id and epoch. */
  | { kind: 'repeat' }
  /** Go on: flush the data of a commit, then {@link prepareEnd}. */
  | { kind: 'end' }

const refuse = (error: KafkaErrorName): EndDecision => ({ kind: 'refuse', error })

/**
 * EndTxn of a client. With transactions v2 (KIP-890) the epoch tells a repeated request from the end of the next
 * transaction; with v1 both look alike, and a late EndTxn can only be refused when the state does not fit.
 */
export function decideEnd(
  txn: Transaction,
  producer: ProducerIdentity,
  commit: boolean,
  version: TransactionVersion,
  freshProducerId: number | null,
): EndDecision {
  const decision = version === 2 ? decideV2(txn, producer, commit) : decideV1(txn, producer, commit)
  if (decision.kind !== 'end') return decision
  if (commit && txn.suspect) return refuse('TRANSACTION_ABORTABLE')
  if (version === 2 && isEpochExhausted(txn.epoch) && freshProducerId === null) return { kind: 'needs-producer-id' }
  return decision
}

function decideV1(txn: Transaction, producer: ProducerIdentity, commit: boolean): EndDecision {
  if (txn.producerId !== producer.producerId) return refuse('INVALID_PRODUCER_ID_MAPPING')
  if (txn.epoch !== producer.epoch) return refuse('PRODUCER_FENCED')
  if (txn.busy) return refuse('CONCURRENT_TRANSACTIONS')
  // After a power loss the coordinator may know nothing of a transaction that the client has to abort.
  if (txn.state === TxnState.ongoing || (txn.suspect && !commit)) return { kind: 'end' }
  if (txn.state === (commit ? TxnState.prepareCommit : TxnState.prepareAbort)) return refuse('CONCURRENT_TRANSACTIONS')
  // A repeated request, or the end of a transaction that a power loss wiped out without a trace? The client has to find out
  // by starting again from what was committed.
  if (txn.suspect) return refuse('PRODUCER_FENCED')
  if (txn.state === (commit ? TxnState.completeCommit : TxnState.completeAbort)) return { kind: 'repeat' }
  return refuse('INVALID_TXN_STATE')
}

function decideV2(txn: Transaction, producer: ProducerIdentity, commit: boolean): EndDecision {
  const rotated = txn.previousProducerId === producer.producerId && isEpochExhausted(producer.epoch) && txn.epoch === 0
  const bumped = txn.producerId === producer.producerId && txn.version === 2 && txn.epoch === producer.epoch + 1
  if (txn.producerId !== producer.producerId && !rotated) return refuse('INVALID_PRODUCER_ID_MAPPING')
  const current = txn.producerId === producer.producerId && txn.epoch === producer.epoch
  switch (txn.state) {
    case TxnState.ongoing:
      if (!current) return refuse('PRODUCER_FENCED')
      return txn.busy ? refuse('CONCURRENT_TRANSACTIONS') : { kind: 'end' }
    case TxnState.prepareCommit:
    case TxnState.prepareAbort:
      // The state may have gone back to the transaction before, when a failing disk has lost what was never synced.
      if (!bumped) return refuse(current ? 'CONCURRENT_TRANSACTIONS' : 'PRODUCER_FENCED')
      return refuse(commit === (txn.state === TxnState.prepareCommit) ? 'CONCURRENT_TRANSACTIONS' : 'INVALID_TXN_STATE')
    case TxnState.completeCommit:
    case TxnState.completeAbort:
      // Aborted by us at the last epoch: there is none left for a client.
      if (bumped && txn.epoch === EPOCH_MAX) return refuse('PRODUCER_FENCED')
      if (bumped || rotated) return commit === (txn.state === TxnState.completeCommit) ? { kind: 'repeat' } : refuse('INVALID_TXN_STATE')
      break
    default:
  }
  if (!current) return refuse('PRODUCER_FENCED')
  if (txn.busy) return refuse('CONCURRENT_TRANSACTIONS')
  // The client may abort a transaction of which nothing has reached us: it cannot know. Its epoch rises all the same.
  return commit ? refuse('INVALID_TXN_STATE') : { kind: 'end' }
}

/** The decision, to be written and made durable before any marker. Call after {@link decideEnd} said `end`. */
export function prepareEnd(
  txn: Transaction,
  commit: boolean,
  version: TransactionVersion,
  freshProducerId: number | null,
  now: Moment,
): void {
  txn.version = version
  if (version === 2) {
    if (isEpochExhausted(txn.epoch) && freshProducerId !== null) txn.nextProducerId = freshProducerId
    txn.lastEpoch = txn.epoch
    txn.epoch = Math.min(txn.epoch + 1, EPOCH_MAX)
  }
  if (!commit) txn.suspect = false
  txn.state = commit ? TxnState.prepareCommit : TxnState.prepareAbort
  if (txn.startedAt < 0) txn.startedAt = now.wall
  txn.updatedAt = now.wall
  txn.deadline = Infinity
}
