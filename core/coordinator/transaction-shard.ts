import { kafkaError } from '../protocol/errors.ts'
import { CoordinatorLog, TRANSACTIONS_TOPIC } from './coordinator-log.ts'
import type { Moment } from './moment.ts'
import type { PartitionWriter } from './partition-writer.ts'
import { decodeRecord } from './records.ts'
import { restoreTransaction, snapshotTransaction, type Transaction, type TransactionSnapshot } from './transaction-state.ts'

/** The transactional ids of one partition of __transaction_state, and its log. */
export class TransactionShard {
  readonly transactions: Map<string, Transaction>
  readonly partition: number
  readonly #log: CoordinatorLog
  readonly #onChange: (transactionalId: string) => void
  #state: 'loading' | 'serving' | 'closed'
  /** The log has lost records since it was read. */
  #isStale: boolean

  /** @param onChange told when a state is in the log: for observers */
  constructor(partition: number, writer: PartitionWriter, onChange: (transactionalId: string) => void = () => {}) {
    this.transactions = new Map()
    this.partition = partition
    this.#log = new CoordinatorLog(writer, TRANSACTIONS_TOPIC, partition)
    this.#onChange = onChange
    this.#state = 'loading'
    this.#isStale = false
  }

  /** Tells `onState` of every state in the log, from the oldest on; what is in memory stays. */
  scan(onState: (state: TransactionSnapshot) => void): void {
    this.#log.replay({
      record: (key, value) => {
        const record = decodeRecord('transactions', key, value)
        if (record?.kind === 'transaction' && record.value !== null) onState(record.value)
      },
      marker: () => {},
    })
  }

  /** Reads the partition; tells `onState` of every state in it, from the oldest on. */
  load(now: Moment, onState: (state: TransactionSnapshot) => void = () => {}): void {
    this.transactions.clear()
    this.#log.replay({
      record: (key, value) => {
        const record = decodeRecord('transactions', key, value)
        if (record?.kind !== 'transaction') return
        if (record.value === null) this.transactions.delete(record.id)
        else {
          onState(record.value)
          this.transactions.set(record.id, restoreTransaction(record.id, record.value, now))
        }
      },
      marker: () => {},
    })
    this.#isStale = false
  }

  /** Answers requests from now on. */
  serve(): void {
    if (this.#state === 'loading') this.#state = 'serving'
  }

  /** The log has lost records: no request is answered until {@link TransactionShard.serve}, and nothing is carried out that was read before. */
  lost(): void {
    this.#isStale = true
    if (this.#state === 'serving') this.#state = 'loading'
  }

  close(): void {
    this.#state = 'closed'
  }

  get isClosed(): boolean {
    return this.#state === 'closed'
  }

  check(): void {
    if (this.#state === 'closed') throw kafkaError('COORDINATOR_NOT_AVAILABLE')
    if (this.#state === 'loading') throw kafkaError('COORDINATOR_LOAD_IN_PROGRESS')
  }

  /** Throws while nothing can be written: asked before a transaction is changed. */
  checkWritable(): void {
    if (!this.#log.isWritable) throw kafkaError('COORDINATOR_NOT_AVAILABLE', 'the disk refuses the partition of this transactional id')
  }

  /** As {@link TransactionShard.checkCurrent}, also while the shard is loading. */
  checkUnchanged(txn: Transaction): void {
    if (this.#state === 'closed' || this.#isStale || this.transactions.get(txn.id) !== txn) throw kafkaError('NOT_COORDINATOR')
  }

  /** Throws when `txn` is no longer what this shard has in memory: it was loaded anew while the caller waited. */
  checkCurrent(txn: Transaction): void {
    this.check()
    this.checkUnchanged(txn)
  }

  /** Appends the state of the transaction as it is now. */
  write(txn: Transaction, now: Moment): void {
    this.#log.append([{ kind: 'transaction', id: txn.id, value: snapshotTransaction(txn) }], now.wall)
    this.#onChange(txn.id)
  }

  bury(txn: Transaction, now: Moment): void {
    this.#log.append([{ kind: 'transaction', id: txn.id, value: null }], now.wall)
    this.transactions.delete(txn.id)
    this.#onChange(txn.id)
  }

  flushed(): Promise<void> {
    return this.#log.flushed()
  }
}

/** All transactions of these shards. */
export function* transactionsOf(shards: Iterable<TransactionShard>): Generator<Transaction> {
  for (const shard of shards) yield* shard.transactions.values()
}
