import type { LazyLog } from './lazy-log.ts'

/** How far a log may be read. */
export class Watermarks {
  readonly #log: LazyLog
  readonly #followsSyncs: boolean
  /** As far as somebody has set it. */
  #high: number | undefined

  /** @param followsSyncs consumers see what is synced, nothing else */
  constructor(log: LazyLog, followsSyncs: boolean) {
    this.#log = log
    this.#followsSyncs = followsSyncs
    this.#high = undefined
  }

  get followsSyncs(): boolean {
    return this.#followsSyncs && this.#high === undefined
  }

  /** What all replicas in sync have; as long as nobody has set it the end of the log, or of what is synced. */
  get high(): number {
    if (this.#high !== undefined) return this.#high
    const { endOffset } = this.#log.load()
    return this.#followsSyncs ? Math.min(endOffset, this.#log.durability.flushedOffset) : endOffset
  }

  set high(offset: number) {
    const { startOffset, endOffset, producers } = this.#log.load()
    this.#high = Math.max(startOffset, Math.min(offset, endOffset))
    producers.replicated(this.#high)
  }

  /** No record below it belongs to a transaction whose end is open. */
  get stable(): number {
    const { producers, startOffset } = this.#log.load()
    const { high } = this
    producers.replicated(high)
    // DeleteRecords may move the start beyond the beginning of an open transaction.
    return Math.max(Math.min(producers.firstUnstableOffset ?? high, high), startOffset)
  }

  /** The log ends at `offset` now. */
  truncated(offset: number): void {
    if (this.#high !== undefined) this.#high = Math.min(this.#high, offset)
  }
}
