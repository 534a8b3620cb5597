import type { Clock, Timer } from '../base/clock.ts'
import type { TransactionEnding } from './transaction-ending.ts'
import { type TransactionShard, transactionsOf } from './transaction-shard.ts'
import type { Transaction } from './transaction-state.ts'

/** How soon a transaction that is past its time-out but busy is looked at again. */
const BUSY_RECHECK_MS = 100

export interface TransactionTimeoutsOptions {
  readonly clock: Clock
  readonly shards: Iterable<TransactionShard>
  readonly ending: TransactionEnding
}

/** Aborts the transactions that their producers have left open for too long. One timer, for the earliest of their deadlines. */
export class TransactionTimeouts {
  readonly #options: TransactionTimeoutsOptions
  #next: { at: number; timer: Timer } | undefined

  constructor(options: TransactionTimeoutsOptions) {
    this.#options = options
    this.#next = undefined
  }

  close(): void {
    this.#next?.timer.cancel()
  }

  /** Sees to the deadline of this transaction; without one to those of all. */
  schedule(only?: Transaction): void {
    const { clock, shards } = this.#options
    let at = only?.deadline ?? Infinity
    if (only === undefined) for (const txn of transactionsOf(shards)) at = Math.min(at, txn.deadline)
    if (this.#next !== undefined && this.#next.at <= at) return
    this.#next?.timer.cancel()
    this.#next = undefined
    if (at === Infinity) return
    const ms = Math.max(1, Math.ceil(at - clock.monotonic()))
    this.#next = { at, timer: clock.after(ms, () => this.#abortDue()) }
  }

  #abortDue(): void {
    const { clock, shards, ending } = this.#options
    this.#next = undefined
    const now = clock.monotonic()
    for (const shard of shards) {
      if (shard.isClosed) return
      for (const txn of shard.transactions.values()) {
        if (txn.deadline > now) continue
        if (txn.busy) txn.deadline = now + BUSY_RECHECK_MS
        else void ending.abort(shard, txn, -1).catch(() => {})
      }
    }
    this.schedule()
  }
}
