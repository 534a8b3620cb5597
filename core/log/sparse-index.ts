import type { LogPools } from './file-pool.ts'
import { IndexFile } from './index-file.ts'

/**
 * An index of a segment with an entry every now and then, in rising order. `bound` is what no entry may reach: the size of the segment, or
 * the offset where it ends.
 */
export abstract class SparseIndex<Entry> {
  readonly file: IndexFile
  protected readonly baseOffset: number

  constructor(pools: LogPools, path: string, baseOffset: number, entryBytes: number) {
    this.file = new IndexFile(pools, path, entryBytes)
    this.baseOffset = baseOffset
  }

  /** Makes sure that entries can be looked up. False when the file is missing or its last entry is none of a segment with this bound. */
  open(bound: number): boolean {
    const { file } = this
    if (file.loaded) return true
    if (!file.open()) return false
    if (file.whole) return this.#keepIf(this.rises(bound))
    const last = this.lastEntry
    return this.#keepIf(last === undefined || this.isWithin(last, bound))
  }

  /** Makes sure that all entries are in memory. False when the file is missing or cannot be an index of a segment with this bound. */
  load(bound: number): boolean {
    if (this.file.loaded && this.file.whole) return true
    return this.file.load() && this.#keepIf(this.rises(bound))
  }

  get bytes(): number {
    return this.file.count * this.file.entryBytes
  }

  get lastEntry(): Entry | undefined {
    return this.entry(this.file.count - 1)
  }

  /** Entry number `i`; `undefined` for -1. */
  protected abstract entry(i: number): Entry | undefined

  /** Whether one entry alone can be right. */
  protected abstract isWithin(entry: Entry, bound: number): boolean

  /** Whether all entries, which are in memory, can be right. */
  protected abstract rises(bound: number): boolean

  /** Number of the last entry that `isBelow` says yes to, as it does to all before it; -1 when there is none. */
  protected lastWhere(isBelow: (buffer: Buffer, at: number) => boolean): number {
    const { file } = this
    let low = -1
    let high = file.count - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      const at = file.look(middle)
      if (isBelow(file.buffer, at)) low = middle
      else high = middle - 1
    }
    return low
  }

  #keepIf(sound: boolean): boolean {
    if (!sound) this.file.unload()
    return sound
  }
}
