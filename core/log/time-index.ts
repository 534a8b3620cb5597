import type { LogPools } from './file-pool.ts'
import { IndexFile } from './index-file.ts'
import { getInt64, putInt64 } from './numbers.ts'

const ENTRY_BYTES = 12

/** The largest timestamp of a segment up to some batch, and the last offset of the batch that has it. */
export interface TimeEntry {
  readonly timestamp: number
  readonly offset: number
}

/**
 * Sparse index of a segment by time (`.timeindex`): per entry a timestamp (int64) and an offset relative to the segment's base
 * (int32), both rising; no record up to that offset is newer. Kafka's `TimeIndex`.
 */
export class TimeIndex {
  readonly file: IndexFile
  readonly #baseOffset: number

  constructor(pools: LogPools, path: string, baseOffset: number) {
    this.file = new IndexFile(pools, path, ENTRY_BYTES)
    this.#baseOffset = baseOffset
  }

  /** Makes sure that entries can be looked up. False when the file is missing or its last entry is none of a segment that ends there. */
  open(nextOffset: number): boolean {
    if (this.file.loaded) return true
    if (!this.file.open()) return false
    if (this.file.whole) return this.#check(nextOffset)
    const last = this.lastEntry
    if (last === undefined || (last.timestamp >= 0 && last.offset >= this.#baseOffset && last.offset < nextOffset)) return true
    this.file.unload()
    return false
  }

  /** Makes sure that all entries are in memory. False when the file is missing or cannot be an index of a segment that ends there. */
  load(nextOffset: number): boolean {
    if (this.file.loaded && this.file.whole) return true
    return this.file.load() && this.#check(nextOffset)
  }

  #check(nextOffset: number): boolean {
    let { timestamp, offset } = { timestamp: -1, offset: -1 }
    for (let i = 0; i < this.file.count; i++) {
      const next = this.#entry(i)!
      if (!(next.timestamp > timestamp) || next.offset <= offset || next.offset < this.#baseOffset || next.offset >= nextOffset) {
        this.file.unload()
        return false
      }
      ;({ timestamp, offset } = next)
    }
    return true
  }

  /** Adds an entry; one that is not newer than the last is left out. */
  append(timestamp: number, offset: number): void {
    const last = this.lastEntry
    if (timestamp < 0 || (last !== undefined && (timestamp <= last.timestamp || offset <= last.offset))) return
    const at = this.file.push()
    putInt64(this.file.buffer, at, timestamp)
    this.file.buffer.writeInt32BE(offset - this.#baseOffset, at + 8)
  }

  get bytes(): number {
    return this.file.count * ENTRY_BYTES
  }

  /** The last entry with a timestamp of at most `timestamp`. */
  lookup(timestamp: number): TimeEntry | undefined {
    const { file } = this
    let low = -1
    let high = file.count - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      const at = file.look(middle)
      if (getInt64(file.buffer, at) <= timestamp) low = middle
      else high = middle - 1
    }
    return this.#entry(low)
  }

  get lastEntry(): TimeEntry | undefined {
    return this.#entry(this.file.count - 1)
  }

  #entry(i: number): TimeEntry | undefined {
    if (i < 0) return undefined
    const at = this.file.look(i)
    const { buffer } = this.file
    return { timestamp: getInt64(buffer, at), offset: this.#baseOffset + buffer.readInt32BE(at + 8) }
  }
}
