import { endTxnMarker } from '../record/control.ts'
import { GROUPS_TOPIC } from './coordinator-log.ts'
import type { GroupCoordinator } from './group-coordinator.ts'
import type { Moment } from './moment.ts'
import type { OngoingTransaction, PartitionWriter, TopicPartition } from './partition-writer.ts'
import { addPartitions } from './transaction.ts'
import { isPrepared, type Transaction, type TransactionSnapshot, type TransactionVersion, TxnState } from './transaction-state.ts'

interface OpenTransaction extends TopicPartition, OngoingTransaction {}

/** How a transaction ends. */
interface End {
  readonly commit: boolean
  readonly version: TransactionVersion
  readonly now: Moment
}

/**
 * Which of the transactions that are open in the logs were committed with transactions v2, as the log of the coordinator tells: with v2 every
 * transaction has an epoch of its own. So the end of a transaction may become durable before its markers, and no produce has to wait for them.
 * A cleaner of __transaction_state must leave states alone until the markers they led to are durable.
 */
export class Decisions {
  readonly #open: ReadonlySet<string>
  readonly #committed: Set<string>

  constructor(open: Iterable<OngoingTransaction>) {
    this.#open = new Set(Array.from(open, ({ producerId, producerEpoch }) => `${producerId}:${producerEpoch}`))
    this.#committed = new Set()
  }

  /** Takes note of a state in the log. */
  note(state: TransactionSnapshot): void {
    if (state.version !== 2 || state.state !== TxnState.prepareCommit) return
    const key = `${state.producerId}:${state.epoch - 1}`
    if (this.#open.has(key)) this.#committed.add(key)
  }

  get any(): boolean {
    return this.#committed.size > 0
  }

  committed(producerId: number, epoch: number): boolean {
    return this.#committed.has(`${producerId}:${epoch}`)
  }
}

/** Writes what ends a transaction into the partitions that belong to it. */
export class TransactionMarkers {
  readonly #writer: PartitionWriter
  readonly #groups: GroupCoordinator

  constructor(writer: PartitionWriter, groups: GroupCoordinator) {
    this.#writer = writer
    this.#groups = groups
  }

  /** Makes all partitions of the transaction durable: its data before its commit is decided, its markers before it is forgotten. */
  async flush(txn: Transaction): Promise<void> {
    const partitions = [...txn.partitions.entries()].filter(({ topic, partition }) => this.#writer.exists(topic, partition))
    await Promise.all(partitions.map(({ topic, partition }) => this.#writer.flush(topic, partition)))
  }

  /**
   * Ends a prepared transaction everywhere. A partition where nothing of the transaction is open is skipped: its marker is there, because this
   * is a second try after a failure or a restart.
   */
  write(txn: Transaction, now: Moment): void {
    const commit = txn.state === TxnState.prepareCommit
    for (const { topic, partition } of txn.partitions.entries()) {
      if (this.#isOpen(txn, topic, partition))
        this.#append({ topic, partition }, txn.producerId, txn.epoch, { commit, version: txn.version, now })
    }
  }

  #isOpen(txn: Transaction, topic: string, partition: number): boolean {
    if (!this.#writer.exists(topic, partition)) return false
    // With v2 the data has a lower epoch than the marker; the same epoch is the transaction after this one.
    return this.#writer.ongoing(topic, partition).some(({ producerId, producerEpoch }) => {
      return producerId === txn.producerId && (txn.version === 2 ? producerEpoch < txn.epoch : producerEpoch <= txn.epoch)
    })
  }

  #append({ topic, partition }: TopicPartition, producerId: number, producerEpoch: number, { commit, version, now }: End): void {
    const marker = endTxnMarker({ producerId, producerEpoch, coordinatorEpoch: 0, commit, timestamp: now.wall })
    if (topic === GROUPS_TOPIC) this.#groups.endTransaction(partition, producerId, commit, marker, version)
    else this.#writer.appendMarker(topic, partition, marker, version)
  }

  /**
   * Gives transactions that were committed and have lost markers in a power loss these markers again. Before anything else is ended: the next
   * transaction of the same producer, on its way to an abort, would take the records for its own. The decisions must be durable.
   *
   * @param place only there
   * @param isEnding whether it is being ended: its markers follow when its decision is durable
   */
  recommit(
    decisions: Decisions,
    now: Moment,
    place?: TopicPartition,
    isEnding: (committed: OngoingTransaction) => boolean = () => false,
  ): void {
    for (const { topic, partition, producerId, producerEpoch } of Array.from(this.open(place))) {
      if (!decisions.committed(producerId, producerEpoch) || isEnding({ producerId, producerEpoch })) continue
      this.#append({ topic, partition }, producerId, producerEpoch + 1, { commit: true, version: 2, now })
    }
  }

  /** The transactions that are open in the logs, to be settled by {@link TransactionMarkers.adopt}. Ask before anything is written. */
  *open(place?: TopicPartition): Generator<OpenTransaction> {
    if (place !== undefined && !this.#writer.exists(place.topic, place.partition)) return
    for (const at of place === undefined ? this.#writer.partitions() : [place]) {
      for (const { producerId, producerEpoch } of this.#writer.ongoing(at.topic, at.partition)) yield { ...at, producerId, producerEpoch }
    }
  }

  /**
   * Settles what is open in the logs and no transactional id answers for. A power loss may keep data and lose what the coordinator wrote before
   * it, or keep the end of a transaction and lose markers. What belongs to a producer that may still go on joins its transaction, which then
   * can only be aborted; the rest is aborted. Answers the transactions that were changed.
   *
   * @param running not at a start: transactions that are being ended are left alone
   */
  adopt(transactions: Iterable<Transaction>, now: Moment, running = false, place?: TopicPartition): Transaction[] {
    const byProducer = new Map<number, Transaction>()
    for (const txn of transactions) byProducer.set(txn.producerId, txn)
    const changed = new Set<Transaction>()
    for (const { topic, partition, producerId, producerEpoch } of Array.from(this.open(place))) {
      const txn = byProducer.get(producerId)
      if (running && txn !== undefined && isPrepared(txn)) continue
      if (txn === undefined || txn.epoch !== producerEpoch || isPrepared(txn))
        // Nobody raises the epoch of what has no owner.
        this.#append({ topic, partition }, producerId, producerEpoch, { commit: false, version: 0, now })
      else if (this.#adoptInto(txn, { topic, partition }, now)) changed.add(txn)
    }
    return [...changed]
  }

  #adoptInto(txn: Transaction, orphan: TopicPartition, now: Moment): boolean {
    if (!addPartitions(txn, [orphan], txn.version, now)) return false
    txn.suspect = true
    return true
  }
}
