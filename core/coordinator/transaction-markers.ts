import { endTxnMarker } from '../record/control.ts'
import { GROUPS_TOPIC } from './coordinator-log.ts'
import type { GroupCoordinator } from './group-coordinator.ts'
import type { Moment } from './moment.ts'
import type { PartitionWriter, TopicPartition } from './partition-writer.ts'
import { addPartitions } from './transaction.ts'
import { isPrepared, type Transaction, TxnState } from './transaction-state.ts'

/** Writes what ends a transaction into the partitions that belong to it. */
export class TransactionMarkers {
  readonly #writer: PartitionWriter
  readonly #groups: GroupCoordinator

  constructor(writer: PartitionWriter, groups: GroupCoordinator) {
    this.#writer = writer
    this.#groups = groups
  }

  /** Makes the data of the transaction durable: before this, its commit must not be decided. */
  async flushData(txn: Transaction): Promise<void> {
    const partitions = [...txn.partitions.entries()].filter(({ topic, partition }) => this.#writer.exists(topic, partition))
    await Promise.all(partitions.map(({ topic, partition }) => this.#writer.flush(topic, partition)))
  }

  /**
   * Ends a prepared transaction everywhere. Partitions that are done leave it, so that a second call after a failure goes on where the first
   * one stopped. A partition where nothing of the transaction is open is skipped: on restart its marker may already be there.
   */
  write(txn: Transaction, now: Moment): void {
    const commit = txn.state === TxnState.prepareCommit
    for (const { topic, partition } of txn.partitions.entries()) {
      if (this.#isOpen(txn, topic, partition)) this.#append(topic, partition, txn.producerId, txn.epoch, commit, now)
      txn.partitions.delete(topic, partition)
    }
  }

  #isOpen(txn: Transaction, topic: string, partition: number): boolean {
    if (!this.#writer.exists(topic, partition)) return false
    // With v2 the data has a lower epoch than the marker; the same epoch is the transaction after this one.
    return this.#writer.ongoing(topic, partition).some(({ producerId, producerEpoch }) => {
      return producerId === txn.producerId && (txn.version === 2 ? producerEpoch < txn.epoch : producerEpoch <= txn.epoch)
    })
  }

  #append(topic: string, partition: number, producerId: number, producerEpoch: number, commit: boolean, now: Moment): void {
    const marker = endTxnMarker({ producerId, producerEpoch, coordinatorEpoch: 0, commit, timestamp: now.wall })
    if (topic === GROUPS_TOPIC) this.#groups.endTransaction(partition, producerId, commit, marker)
    else this.#writer.appendMarker(topic, partition, marker)
  }

  /**
   * Looks for open transactions in the logs that no transactional id knows of: a power loss may keep data and lose what the coordinator wrote
   * before it. What belongs to a producer that may still go on joins its transaction, which then can only be aborted;
   * the rest is aborted here. Answers the transactions that were changed.
   */
  adopt(transactions: Iterable<Transaction>, now: Moment): Transaction[] {
    const byProducer = new Map<number, Transaction>()
    for (const txn of transactions) byProducer.set(txn.producerId, txn)
    const changed = new Set<Transaction>()
    for (const { topic, partition } of this.#writer.partitions()) {
      for (const { producerId, producerEpoch } of this.#writer.ongoing(topic, partition)) {
        const txn = byProducer.get(producerId)
        if (txn === undefined || txn.epoch !== producerEpoch || isPrepared(txn))
          this.#append(topic, partition, producerId, producerEpoch, false, now)
        else if (this.#adoptInto(txn, { topic, partition }, now)) changed.add(txn)
      }
    }
    return [...changed]
  }

  #adoptInto(txn: Transaction, orphan: TopicPartition, now: Moment): boolean {
    if (!addPartitions(txn, [orphan], txn.version, now)) return false
    txn.suspect = true
    return true
  }
}
