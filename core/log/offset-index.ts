import type { LogPools } from './file-pool.ts'
import { IndexFile } from './index-file.ts'

const ENTRY_BYTES = 8

/** A batch that the index points to: its last offset and its position in the segment. */
export interface IndexEntry {
  readonly offset: number
  readonly position: number
}

/**
 * Sparse index of a segment (`.index`): per entry the last offset of a batch relative to the segment's base (int32) and the position
 * of that batch (int32), both rising. Kafka's `OffsetIndex`.
 */
export class OffsetIndex {
  readonly file: IndexFile
  readonly #baseOffset: number

  constructor(pools: LogPools, path: string, baseOffset: number) {
    this.file = new IndexFile(pools, path, ENTRY_BYTES)
    this.#baseOffset = baseOffset
  }

  /** Makes sure that entries can be looked up. False when the file is missing or its last entry is none of a segment of `size` bytes. */
  open(size: number): boolean {
    if (this.file.loaded) return true
    if (!this.file.open()) return false
    if (this.file.whole) return this.#check(size)
    const last = this.lastEntry
    if (last === undefined || (last.offset >= this.#baseOffset && last.position >= 0 && last.position < size)) return true
    this.file.unload()
    return false
  }

  /** Makes sure that all entries are in memory. False when the file is missing or cannot be an index of a segment of `size` bytes. */
  load(size: number): boolean {
    if (this.file.loaded && this.file.whole) return true
    return this.file.load() && this.#check(size)
  }

  #check(size: number): boolean {
    const { buffer, count } = this.file
    let offset = -1
    let position = -1
    for (let at = 0; at < count * ENTRY_BYTES; at += ENTRY_BYTES) {
      const nextOffset = buffer.readInt32BE(at)
      const nextPosition = buffer.readInt32BE(at + 4)
      if (nextOffset <= offset || nextPosition <= position || nextPosition >= size) {
        this.file.unload()
        return false
      }
      offset = nextOffset
      position = nextPosition
    }
    return true
  }

  append(lastOffset: number, position: number): void {
    const at = this.file.push()
    this.file.buffer.writeInt32BE(lastOffset - this.#baseOffset, at)
    this.file.buffer.writeInt32BE(position, at + 4)
  }

  get bytes(): number {
    return this.file.count * ENTRY_BYTES
  }

  /** The first entry whose batch ends at or behind `offset`. */
  lookupAfter(offset: number): IndexEntry | undefined {
    const i = this.#last(offset - this.#baseOffset - 1, 0) + 1
    return i < this.file.count ? this.#entry(i) : undefined
  }

  /** The last entry whose batch ends at or before `offset`. */
  lookup(offset: number): IndexEntry | undefined {
    return this.#entry(this.#last(offset - this.#baseOffset, 0))
  }

  /** The last entry whose batch begins at or before `position`. */
  lookupPosition(position: number): IndexEntry | undefined {
    return this.#entry(this.#last(position, 4))
  }

  get lastEntry(): IndexEntry | undefined {
    return this.#entry(this.file.count - 1)
  }

  #entry(i: number): IndexEntry | undefined {
    if (i < 0) return undefined
    const at = this.file.look(i)
    const { buffer } = this.file
    return { offset: this.#baseOffset + buffer.readInt32BE(at), position: buffer.readInt32BE(at + 4) }
  }

  /** Number of the last entry whose field at `shift` is at most `value`; -1 when there is none. */
  #last(value: number, shift: number): number {
    const { file } = this
    let low = -1
    let high = file.count - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      const at = file.look(middle)
      if (file.buffer.readInt32BE(at + shift) <= value) low = middle
      else high = middle - 1
    }
    return low
  }
}
