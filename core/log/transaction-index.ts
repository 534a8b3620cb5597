import type { LogPools } from './file-pool.ts'
import { IndexFile } from './index-file.ts'
import { getInt64, putInt64 } from './numbers.ts'

const ENTRY_BYTES = 34
const VERSION = 0

/** A transaction that was aborted. */
export interface AbortedTransaction {
  readonly producerId: number
  /** Its first record in this partition. */
  readonly firstOffset: number
  /** Its marker. */
  readonly lastOffset: number
  /** The last stable offset when the marker was written: no transaction that ends later began before it. */
  readonly lastStableOffset: number
}

/** The transactions aborted by a marker in this segment (`.txnindex`), in order of their markers. Kafka's `TransactionIndex`. */
export class TransactionIndex {
  readonly file: IndexFile

  constructor(pools: LogPools, path: string) {
    this.file = new IndexFile(pools, path, ENTRY_BYTES)
  }

  /**
   * Makes sure that the entries are in memory; no file is an empty index. False when it cannot be the index of a segment with these
   * bounds.
   */
  load(baseOffset: number, nextOffset: number): boolean {
    if (this.file.loaded) return true
    if (!this.file.load()) {
      const missing = this.file.size() === undefined
      if (missing) this.file.empty()
      return missing
    }
    let previous = baseOffset - 1
    let stable = -1
    for (let i = 0; i < this.file.count; i++) {
      const entry = this.#entry(i)
      const sane =
        this.file.buffer.readInt16BE(i * ENTRY_BYTES) === VERSION &&
        entry.producerId >= 0 &&
        entry.firstOffset >= 0 &&
        entry.firstOffset < entry.lastOffset &&
        entry.lastOffset > previous &&
        entry.lastOffset < nextOffset &&
        entry.lastStableOffset >= stable &&
        entry.lastStableOffset <= entry.lastOffset + 1
      if (!sane) {
        this.file.unload()
        return false
      }
      previous = entry.lastOffset
      stable = entry.lastStableOffset
    }
    return true
  }

  append(entry: AbortedTransaction): void {
    const at = this.file.push()
    const { buffer } = this.file
    buffer.writeInt16BE(VERSION, at)
    putInt64(buffer, at + 2, entry.producerId)
    putInt64(buffer, at + 10, entry.firstOffset)
    putInt64(buffer, at + 18, entry.lastOffset)
    putInt64(buffer, at + 26, entry.lastStableOffset)
  }

  get bytes(): number {
    return this.file.count * ENTRY_BYTES
  }

  entries(): AbortedTransaction[] {
    return Array.from({ length: this.file.count }, (_, i) => this.#entry(i))
  }

  /** Drops entries of markers at or after `offset`. */
  truncate(offset: number): void {
    let keep = this.file.count
    while (keep > 0 && this.#entry(keep - 1).lastOffset >= offset) keep--
    this.file.truncate(keep)
  }

  #entry(i: number): AbortedTransaction {
    const { buffer } = this.file
    const at = i * ENTRY_BYTES
    return {
      producerId: getInt64(buffer, at + 2),
      firstOffset: getInt64(buffer, at + 10),
      lastOffset: getInt64(buffer, at + 18),
      lastStableOffset: getInt64(buffer, at + 26),
    }
  }
}
