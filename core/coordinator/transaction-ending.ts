import type { Clock, Timer } from '../base/clock.ts'
import { KafkaError, kafkaError } from '../protocol/errors.ts'
import { type Moment, momentOf } from './moment.ts'
import { complete, prepareFencedAbort } from './transaction.ts'
import type { TransactionMarkers } from './transaction-markers.ts'
import { unavailable } from './unavailable.ts'
import type { TransactionShard } from './transaction-shard.ts'
import { isPrepared, type Transaction } from './transaction-state.ts'

/** Pause before markers that the log refused are tried again. */
const MARKER_RETRY_MS = 1000

export interface TransactionEndingOptions {
  readonly clock: Clock
  readonly markers: TransactionMarkers
  /** Told when a shard was read from the log again, because the log had refused something. */
  readonly onReload: () => void
}

/** Carries out the end of transactions: data flushed, decision durable, markers written, end noted; and what to do when the log refuses one of them. */
export class TransactionEnding {
  readonly #clock: Clock
  readonly #markers: TransactionMarkers
  readonly #onReload: () => void
  readonly #ending: Map<string, Promise<void>>
  readonly #timers: Set<Timer>

  constructor(options: TransactionEndingOptions) {
    this.#clock = options.clock
    this.#markers = options.markers
    this.#onReload = options.onReload
    this.#ending = new Map()
    this.#timers = new Set()
  }

  close(): void {
    for (const timer of this.#timers) timer.cancel()
  }

  #now(): Moment {
    return momentOf(this.#clock)
  }

  /** Resolves when the transaction that is being ended, if any, is over for good or could not be ended. */
  async settled(id: string): Promise<void> {
    await this.#ending.get(id)
  }

  /** Finishes what was decided before a restart. */
  async completePrepared(shard: TransactionShard): Promise<void> {
    const prepared = [...shard.transactions.values()].filter(isPrepared)
    if (prepared.length === 0) return
    // The decision was read from the page cache: it must be on the disk before a marker can be.
    await shard.flushed()
    // Or it was lost before it could be, and the flush was one of what is left.
    for (const txn of prepared) shard.checkUnchanged(txn)
    for (const txn of prepared) this.#remember(txn, this.#carryOut(shard, txn))
  }

  /** Aborts from the server's side; see {@link prepareFencedAbort}. */
  async abort(shard: TransactionShard, txn: Transaction, ownerEpoch: number): Promise<void> {
    await this.finish(shard, txn, () => prepareFencedAbort(txn, ownerEpoch, this.#now()), false)
  }

  /**
   * Ends a transaction: `prepare` turns it into what is to be written as the decision. Resolves when the client may be told: the decision is
   * durable, the markers are in the logs. With transactions v1 more follows, see {@link TransactionEnding.settled}.
   */
  finish(shard: TransactionShard, txn: Transaction, prepare: () => void, commit: boolean): Promise<void> {
    let rest: Promise<void> = Promise.resolve()
    const decided = this.#decide(shard, txn, prepare, commit).then(() => {
      rest = this.#carryOut(shard, txn)
    })
    this.#remember(
      txn,
      decided.then(() => rest),
    )
    return decided
  }

  #remember(txn: Transaction, ending: Promise<void>): void {
    const settled: Promise<void> = ending
      .catch(() => {})
      .then(() => {
        if (this.#ending.get(txn.id) === settled) this.#ending.delete(txn.id)
      })
    this.#ending.set(txn.id, settled)
  }

  async #decide(shard: TransactionShard, txn: Transaction, prepare: () => void, commit: boolean): Promise<void> {
    if (commit) {
      txn.busy = true
      try {
        await this.#markers.flush(txn)
      } catch {
        throw kafkaError('COORDINATOR_NOT_AVAILABLE', `the data of ${txn.id} cannot be made durable`)
      } finally {
        txn.busy = false
      }
      shard.checkCurrent(txn)
      // A failing disk may have lost some of it meanwhile.
      if (txn.suspect) throw kafkaError('TRANSACTION_ABORTABLE', `records of ${txn.id} are lost`)
    }
    prepare()
    this.write(shard, txn)
    await this.flushed(shard)
    shard.checkCurrent(txn)
  }

  /**
   * Markers, then the end. When a log refuses a marker the decision stands, and the rest follows later. The data of the next transaction of v1
   * looks like that of this one (same epoch), so that a restart could take one for the other: its end is noted when the
   * markers are durable, and it is over when the note is. With v2 the epoch tells them apart (see transaction-markers).
   */
  async #carryOut(shard: TransactionShard, txn: Transaction): Promise<void> {
    const sameEpoch = txn.version === 0
    try {
      this.#markers.write(txn, this.#now())
      if (sameEpoch) await this.#markers.flush(txn)
    } catch {
      this.#later(MARKER_RETRY_MS, () => {
        if (shard.transactions.get(txn.id) === txn && isPrepared(txn)) this.#remember(txn, this.#carryOut(shard, txn))
      })
      return
    }
    if (sameEpoch) shard.checkUnchanged(txn)
    complete(txn, this.#now())
    this.write(shard, txn)
    if (sameEpoch) await this.flushed(shard)
  }

  /** Appends the state of a transaction; a refusal loads the shard again. */
  write(shard: TransactionShard, txn: Transaction): void {
    try {
      shard.write(txn, this.#now())
    } catch (error) {
      this.reload(shard)
      throw error instanceof KafkaError ? unavailable(error) : kafkaError('COORDINATOR_NOT_AVAILABLE')
    }
  }

  /** Resolves when what the shard has appended is durable; a refusal loads it again. */
  async flushed(shard: TransactionShard): Promise<void> {
    try {
      await shard.flushed()
    } catch {
      this.reload(shard)
      throw kafkaError('COORDINATOR_NOT_AVAILABLE')
    }
  }

  /** The log refused, or has lost something: what is in memory may be ahead of it. When it cannot be read, that is tried again later. */
  reload(shard: TransactionShard): void {
    if (shard.isClosed) return
    try {
      shard.load(this.#now())
    } catch {
      return this.#later(MARKER_RETRY_MS, () => this.reload(shard))
    }
    this.#later(MARKER_RETRY_MS, () => void this.completePrepared(shard).catch(() => this.reload(shard)))
    this.#onReload()
  }

  /** Resolves after the pause between two tries; never, when the coordinator is closed meanwhile. */
  breath(): Promise<void> {
    return new Promise((resolve) => this.#later(MARKER_RETRY_MS, resolve))
  }

  #later(ms: number, run: () => void): void {
    const timer = this.#clock.after(ms, () => {
      this.#timers.delete(timer)
      run()
    })
    this.#timers.add(timer)
  }
}
