import type { LogPools } from './file-pool.ts'
import { SparseIndex } from './sparse-index.ts'

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
export class OffsetIndex extends SparseIndex<IndexEntry> {
  constructor(pools: LogPools, path: string, baseOffset: number) {
    super(pools, path, baseOffset, ENTRY_BYTES)
  }

  append(lastOffset: number, position: number): void {
    const at = this.file.push()
    this.file.buffer.writeInt32BE(lastOffset - this.baseOffset, at)
    this.file.buffer.writeInt32BE(position, at + 4)
  }

  /** The first entry whose batch ends at or behind `offset`. */
  lookupAfter(offset: number): IndexEntry | undefined {
    const i = this.#lastAtMost(offset - this.baseOffset - 1, 0) + 1
    return i < this.file.count ? this.entry(i) : undefined
  }

  /** The last entry whose batch ends at or before `offset`. */
  lookup(offset: number): IndexEntry | undefined {
    return this.entry(this.#lastAtMost(offset - this.baseOffset, 0))
  }

  /** The last entry whose batch begins at or before `position`. */
  lookupPosition(position: number): IndexEntry | undefined {
    return this.entry(this.#lastAtMost(position, 4))
  }

  protected override entry(i: number): IndexEntry | undefined {
    if (i < 0) return undefined
    const at = this.file.look(i)
    const { buffer } = this.file
    return { offset: this.baseOffset + buffer.readInt32BE(at), position: buffer.readInt32BE(at + 4) }
  }

  protected override isWithin({ offset, position }: IndexEntry, size: number): boolean {
    return offset >= this.baseOffset && position >= 0 && position < size
  }

  protected override rises(size: number): boolean {
    const { buffer, count } = this.file
    let offset = -1
    let position = -1
    for (let at = 0; at < count * ENTRY_BYTES; at += ENTRY_BYTES) {
      const nextOffset = buffer.readInt32BE(at)
      const nextPosition = buffer.readInt32BE(at + 4)
      if (nextOffset <= offset || nextPosition <= position || nextPosition >= size) return false
      offset = nextOffset
      position = nextPosition
    }
    return true
  }

  #lastAtMost(value: number, shift: number): number {
    return this.lastWhere((buffer, at) => buffer.readInt32BE(at + shift) <= value)
  }
}
