import type { Clock } from '../base/clock.ts'
import { TRANSACTIONS_TOPIC } from './coordinator-log.ts'
import { type Moment, momentOf } from './moment.ts'
import type { TopicPartition } from './partition-writer.ts'
import type { Shards } from './shards.ts'
import { hasPartitions } from './transaction.ts'
import type { TransactionEnding } from './transaction-ending.ts'
import { Decisions, type TransactionMarkers } from './transaction-markers.ts'
import { type TransactionShard, transactionsOf } from './transaction-shard.ts'
import { isPrepared } from './transaction-state.ts'

export interface TransactionRecoveryOptions {
  readonly clock: Clock
  readonly shards: Shards<TransactionShard>
  readonly markers: TransactionMarkers
  readonly ending: TransactionEnding
  /** As {@link TransactionCoordinatorOptions.unsyncedLost} says. */
  readonly unsyncedLost: boolean
  /** Told when transactions have been read from the log: deadlines may be earlier. */
  readonly onRead: () => void
}

/**
 * Brings the states of transactions and what is open in the logs of their partitions together: at the start, and when partitions have lost
 * records that were never synced.
 */
export class TransactionRecovery {
  readonly #clock: Clock
  readonly #shards: Shards<TransactionShard>
  readonly #markers: TransactionMarkers
  readonly #ending: TransactionEnding
  readonly #unsyncedLost: boolean
  readonly #onRead: () => void

  constructor(options: TransactionRecoveryOptions) {
    this.#clock = options.clock
    this.#shards = options.shards
    this.#markers = options.markers
    this.#ending = options.ending
    this.#unsyncedLost = options.unsyncedLost
    this.#onRead = options.onRead
  }

  #now(): Moment {
    return momentOf(this.#clock)
  }

  /** Reads all transactions and completes those whose fate was decided. */
  async load(): Promise<void> {
    const decisions = new Decisions(this.#markers.open())
    await this.#shards.load((shard) => shard.load(this.#now(), (state) => decisions.note(state)))
    if (this.#unsyncedLost) for (const txn of transactionsOf(this.#shards)) txn.suspect = true
    if (decisions.any) {
      for (const shard of this.#shards) await shard.flushed()
      this.#markers.recommit(decisions, this.#now())
    }
    for (const shard of this.#shards) await this.#ending.completePrepared(shard)
    const changed = this.#markers.adopt(transactionsOf(this.#shards), this.#now())
    for (const txn of this.#unsyncedLost ? transactionsOf(this.#shards) : changed) this.#shards.keeping(txn.id).write(txn, this.#now())
    for (const shard of this.#shards) shard.serve()
    this.#onRead()
  }

  /** See {@link TransactionCoordinator.recordsLost}. */
  recordsLost(topic: string, partition: number): void {
    for (const shard of this.#shards) {
      if (shard.isClosed) return
      if (topic === TRANSACTIONS_TOPIC && shard.partition === partition) void this.#recover(shard)
      for (const txn of shard.transactions.values()) {
        if (!isPrepared(txn) && hasPartitions(txn, [{ topic, partition }])) txn.suspect = true
      }
    }
  }

  /** See {@link TransactionCoordinator.settleLost}. */
  settleLost(place: TopicPartition): void {
    for (const shard of this.#shards) if (shard.isClosed) return
    try {
      const decisions = new Decisions(this.#markers.open(place))
      for (const shard of this.#shards) shard.scan((state) => decisions.note(state))
      const ending = new Set(
        Array.from(transactionsOf(this.#shards))
          .filter(isPrepared)
          .map((txn) => `${txn.producerId}:${txn.epoch}`),
      )
      this.#markers.recommit(decisions, this.#now(), place, ({ producerId, producerEpoch }) =>
        ending.has(`${producerId}:${producerEpoch + 1}`),
      )
      this.#adopt(place)
    } catch {
      // It refuses again, or another one that is written to as well.
      void this.#ending.breath().then(() => this.settleLost(place))
    }
  }

  /** As at the start, for one partition: what it has forgotten of open transactions is found in their logs. Until then clients are told to wait. */
  async #recover(shard: TransactionShard): Promise<void> {
    shard.lost()
    while (!shard.isClosed) {
      await this.#ending.breath()
      try {
        shard.load(this.#now())
        await this.#ending.completePrepared(shard)
        this.#adopt()
        shard.serve()
        return this.#onRead()
      } catch {
        // The disk refuses still, or again.
      }
    }
  }

  /** While transactions are running: settles what nobody answers for, see {@link TransactionMarkers.adopt}. */
  #adopt(place?: TopicPartition): void {
    const changed = this.#markers.adopt(transactionsOf(this.#shards), this.#now(), true, place)
    for (const txn of changed) this.#shards.keeping(txn.id).write(txn, this.#now())
  }
}
