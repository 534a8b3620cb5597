import * as batch from '../record/batch.ts'
import { decodeBatch } from '../record/columns.ts'
import { readControl } from '../record/control.ts'

/**
 * Which transactional batches of one fetch answer were aborted. The broker names every aborted transaction that reaches into the
 * answer, by producer and first offset; one that began earlier or ends later is named in each answer. A producer's batches are
 * aborted from such an offset on until its abort marker, and may be again from the next such offset: the markers drive the set.
 */
export class AbortedTransactions {
  readonly #transactions: readonly { producerId: number; firstOffset: number }[]
  readonly #producers: Set<number>
  #next: number

  constructor(transactions: readonly { producerId: number; firstOffset: number }[]) {
    this.#transactions = transactions.toSorted((a, b) => a.firstOffset - b.firstOffset)
    this.#producers = new Set()
    this.#next = 0
  }

  /** Whether the batch at `at` was aborted. To be asked for every batch, in order. */
  includes(records: Buffer, at: number): boolean {
    const lastOffset = batch.lastOffset(records, at)
    for (
      let next = this.#transactions[this.#next];
      next !== undefined && next.firstOffset <= lastOffset;
      next = this.#transactions[this.#next]
    ) {
      this.#producers.add(next.producerId)
      this.#next++
    }
    if (!batch.isTransactional(records, at)) return false
    const producerId = batch.producerId(records, at)
    if (!this.#producers.has(producerId)) return false
    if (batch.isControl(records, at) && readControl(decodeBatch(records, at)) === 'abort') {
      this.#producers.delete(producerId)
      return false
    }
    return true
  }
}
