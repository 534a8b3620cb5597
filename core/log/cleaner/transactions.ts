import * as batch from '../../record/batch.ts'
import type { AbortedTransaction } from '../transaction-index.ts'

/**
 * What a pass over a log from its beginning knows of transactions: whether the records of a batch were aborted, and whether a marker still
 * ends something. Kafka's `CleanedTransactionMetadata`.
 */
export class CleanedTransactions {
  /** By producer, in order of their first offsets; those that the pass has left behind are dropped. */
  readonly #aborted: Map<number, AbortedTransaction[]>
  /** Producers of whom a batch was met since their last marker. */
  readonly #begun: Set<number>

  constructor() {
    this.#aborted = new Map()
    this.#begun = new Set()
  }

  /** Takes in what the indexes say; one that is known already changes nothing. */
  add(transactions: readonly AbortedTransaction[]): void {
    for (const transaction of transactions) {
      const known = this.#aborted.get(transaction.producerId)
      if (known === undefined) this.#aborted.set(transaction.producerId, [transaction])
      else if (known.every(({ lastOffset }) => lastOffset !== transaction.lastOffset)) known.push(transaction)
    }
  }

  /** A batch of records is met. Answers whether its transaction was aborted. */
  batch(buf: Buffer, at: number): boolean {
    if (!batch.isTransactional(buf, at)) return false
    const producerId = batch.producerId(buf, at)
    this.#begun.add(producerId)
    return this.#find(producerId, batch.baseOffset(buf, at)) !== undefined
  }

  /**
   * A marker is met. `ends`: a batch of its transaction is still there, or was when this pass began, so the marker stays. `aborted`: what the
   * index shall go on to say about it.
   */
  marker(buf: Buffer, at: number): { ends: boolean; aborted: AbortedTransaction | undefined } {
    const producerId = batch.producerId(buf, at)
    const offset = batch.lastOffset(buf, at)
    const ends = this.#begun.delete(producerId)
    const aborted = this.#aborted.get(producerId)
    const index = aborted?.findIndex(({ lastOffset }) => lastOffset === offset) ?? -1
    if (aborted === undefined || index < 0) return { ends, aborted: undefined }
    const [ended] = aborted.splice(0, index + 1).slice(-1)
    return { ends, aborted: ends ? ended : undefined }
  }

  #find(producerId: number, offset: number): AbortedTransaction | undefined {
    return this.#aborted.get(producerId)?.find(({ firstOffset, lastOffset }) => offset >= firstOffset && offset < lastOffset)
  }
}
