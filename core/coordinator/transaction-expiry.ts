import type { Moment } from './moment.ts'
import type { TransactionShard } from './transaction-shard.ts'
import { isPrepared, TxnState } from './transaction-state.ts'

/** Forgets the transactional ids that have been idle since before `oldest` (wall time): tombstones in the log. */
export function expireIds(shards: Iterable<TransactionShard>, oldest: number, now: Moment): void {
  for (const shard of shards) {
    for (const txn of shard.transactions.values()) {
      const idle = !txn.busy && !isPrepared(txn) && txn.state !== TxnState.ongoing
      if (!idle || txn.updatedAt > oldest) continue
      try {
        shard.bury(txn, now)
      } catch {
        // The disk has refused, and nothing has changed: next time.
      }
    }
  }
}
