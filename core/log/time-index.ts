import type { LogPools } from './file-pool.ts'
import { getInt64, putInt64 } from './numbers.ts'
import { SparseIndex } from './sparse-index.ts'

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
export class TimeIndex extends SparseIndex<TimeEntry> {
  constructor(pools: LogPools, path: string, baseOffset: number) {
    super(pools, path, baseOffset, ENTRY_BYTES)
  }

  /** Adds an entry; one that is not newer than the last is left out. */
  append(timestamp: number, offset: number): void {
    const last = this.lastEntry
    if (timestamp < 0 || (last !== undefined && (timestamp <= last.timestamp || offset <= last.offset))) return
    const at = this.file.push()
    putInt64(this.file.buffer, at, timestamp)
    this.file.buffer.writeInt32BE(offset - this.baseOffset, at + 8)
  }

  /** The last entry with a timestamp of at most `timestamp`. */
  lookup(timestamp: number): TimeEntry | undefined {
    return this.entry(this.lastWhere((buffer, at) => getInt64(buffer, at) <= timestamp))
  }

  protected override entry(i: number): TimeEntry | undefined {
    if (i < 0) return undefined
    const at = this.file.look(i)
    const { buffer } = this.file
    return { timestamp: getInt64(buffer, at), offset: this.baseOffset + buffer.readInt32BE(at + 8) }
  }

  protected override isWithin({ timestamp, offset }: TimeEntry, nextOffset: number): boolean {
    return timestamp >= 0 && offset >= this.baseOffset && offset < nextOffset
  }

  protected override rises(nextOffset: number): boolean {
    let { timestamp, offset } = { timestamp: -1, offset: -1 }
    for (let i = 0; i < this.file.count; i++) {
      const next = this.entry(i)!
      if (!this.isWithin(next, nextOffset) || next.timestamp <= timestamp || next.offset <= offset) return false
      ;({ timestamp, offset } = next)
    }
    return true
  }
}
