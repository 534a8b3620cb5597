import { MoldauError } from '../base/errors.ts'
import * as batch from '../record/batch.ts'
import type { IndexEntry } from './offset-index.ts'
import { type Place, Places } from './places.ts'
import { WALK_BYTES, plausible } from './scan.ts'
import type { Segment } from './segment.ts'
import type { TimeEntry } from './time-index.ts'

/** Where a header is read to that is looked at on the spot. */
const headerBuffer = Buffer.allocUnsafeSlow(batch.BATCH_OVERHEAD)

/** A walk from an index entry that comes so far has missed entries that must be there: the index is wrong. */
const WALK_MAX_BYTES = 1024 * 1024

/**
 * Knows where the batches of a segment stand: by what it has seen of them, else by the indexes, which it distrusts: they have no checksums.
 * Where a read has ended, and at the tail, nothing is read; anywhere else the few batches behind an index entry.
 */
export class BatchFinder {
  readonly #segment: Segment
  readonly #directory: string
  readonly #places: Places
  /** What was looked for last: time look-ups ask twice. */
  #lastOffset: number
  #lastPlace: Place | undefined
  /** The batch that was appended last: most reads are of the tail. */
  #tail: Place | undefined

  constructor(segment: Segment, directory: string) {
    this.#segment = segment
    this.#directory = directory
    this.#places = new Places()
    this.#lastOffset = -1
    this.#lastPlace = undefined
    this.#tail = undefined
  }

  /** The last batch of the segment, as long as it takes appends. */
  noteTail(offset: number, position: number, size: number): void {
    this.#tail = { position, expected: offset, size }
  }

  forgetTail(): void {
    this.#tail = undefined
  }

  /** A read has ended here: the next one begins here. */
  noteEnd(place: Place): void {
    this.#places.note(place)
  }

  truncated(position: number): void {
    this.#places.truncate(position)
    this.#lastPlace = undefined
    this.forgetTail()
  }

  /**
   * Position of the first batch that ends at or after `offset`, or the size when there is none.
   *
   * @throws CORRUPT_BATCH when `offset` is in a damaged stretch
   */
  position(offset: number): number {
    return this.find(offset).position
  }

  /** Position of a batch at or before `position`, near it. */
  boundaryBefore(position: number): number {
    this.#segment.loadIndexes()
    const entry = this.#segment.indexes.offsets.lookupPosition(position)
    return entry !== undefined && this.holds(entry) ? entry.position : 0
  }

  /** Whether an entry of the time index agrees with the batch that it speaks of. */
  timeHolds(entry: TimeEntry): boolean {
    try {
      return this.maxTimestampAt(entry.offset) === entry.timestamp
    } catch (error) {
      if (error instanceof MoldauError && error.code === 'CORRUPT_BATCH') return false
      throw error
    }
  }

  /** Largest timestamp of the batch that holds `offset`, -1 for none. */
  maxTimestampAt(offset: number): number {
    const header = this.#header(this.position(offset))
    return header === undefined ? batch.NO_TIMESTAMP : batch.maxTimestamp(header, 0)
  }

  /** Where the batch stands that {@link BatchFinder.position} speaks of. */
  find(offset: number): Place {
    const { baseOffset, nextOffset, size } = this.#segment
    if (offset >= nextOffset) return { position: size, expected: nextOffset, size: 0 }
    if (this.#tail !== undefined && offset >= this.#tail.expected) return this.#tail
    if (offset <= baseOffset) return this.#places.find(baseOffset) ?? { position: 0, expected: baseOffset, size: 0 }
    if (this.#lastPlace !== undefined && this.#lastOffset === offset) return this.#lastPlace
    const place = this.#places.find(offset) ?? this.#indexed(offset) ?? this.#walk(offset, false)
    this.#lastOffset = offset
    this.#lastPlace = place
    return place
  }

  /** The batch when it has an index entry of its own, as all large ones have: a look at its header is enough. */
  #indexed(offset: number): Place | undefined {
    this.#segment.loadIndexes()
    const { offsets } = this.#segment.indexes
    const entry = offsets.lookupAfter(offset)
    if (entry === undefined || entry.position - (offsets.lookup(offset)?.position ?? 0) <= WALK_BYTES) return undefined
    const header = this.#header(entry.position)
    if (header === undefined || batch.lastOffset(header, 0) !== entry.offset || batch.baseOffset(header, 0) > offset) return undefined
    return { position: entry.position, expected: batch.baseOffset(header, 0), size: batch.sizeInBytes(header, 0) }
  }

  /** Goes from the nearest index entry to the batch. */
  #walk(offset: number, rebuilt: boolean): Place {
    const segment = this.#segment
    segment.loadIndexes()
    const entry = segment.indexes.offsets.lookup(offset)
    const from = Math.max(entry?.position ?? 0, 0)
    const farthest = from + Math.max(WALK_MAX_BYTES, 2 * segment.indexes.intervalBytes)
    let trusted = entry === undefined
    let expected = segment.baseOffset
    let found: Place | undefined
    let hole: { from: number; position: number } | undefined
    segment.scan({
      from,
      anyStart: !trusted,
      chunkBytes: WALK_BYTES,
      visit: (buf, at, position) => {
        const first = batch.baseOffset(buf, at)
        if (!trusted) {
          if (position !== from || batch.lastOffset(buf, at) !== entry!.offset) return false
          trusted = true
          expected = first
        }
        if (batch.lastOffset(buf, at) < offset) {
          if (position > farthest && !rebuilt) return (trusted = false)
          expected = batch.nextOffset(buf, at)
          return true
        }
        if (hole !== undefined && offset >= hole.from && offset < first) throw this.damaged(hole.position, first)
        if (hole !== undefined) expected = first
        found = { position, expected, size: batch.sizeInBytes(buf, at) }
        return false
      },
      skipped: (position) => {
        hole ??= { from: expected, position }
      },
    })
    if (!trusted && !rebuilt) {
      segment.rebuildIndexes()
      return this.#walk(offset, true)
    }
    if (found === undefined && hole !== undefined) throw this.damaged(hole.position, segment.nextOffset)
    return found ?? { position: segment.size, expected, size: 0 }
  }

  /** The header of the batch at `position`, valid until the next call; `undefined` when there cannot be one. */
  #header(position: number): Buffer | undefined {
    const { log, size, baseOffset, nextOffset } = this.#segment
    if (position < 0 || position + headerBuffer.length > size) return undefined
    const length = log.file.read(headerBuffer, 0, headerBuffer.length, position)
    return length === headerBuffer.length && plausible(headerBuffer, 0, baseOffset, nextOffset) ? headerBuffer : undefined
  }

  /** The size of the batch at `position` as its header has it, 0 when there is none. */
  sizeAt(position: number): number {
    const header = this.#header(position)
    return header === undefined ? 0 : batch.sizeInBytes(header, 0)
  }

  /** Whether the batch that an index entry speaks of is there. */
  holds(entry: IndexEntry): boolean {
    const header = this.#header(entry.position)
    return header !== undefined && batch.lastOffset(header, 0) === entry.offset
  }

  /** What is thrown for a damaged stretch that begins at `position`; `next`: the offset at which records may go on. */
  damaged(position: number, next: number | undefined): MoldauError {
    const where = `${this.#directory}: ${this.#segment.log.path} is damaged at byte ${position}`
    const rest = next === undefined ? '' : `; the records up to offset ${next} cannot be read`
    return new MoldauError('CORRUPT_BATCH', `${where}${rest}: restore the file from a copy, or read on behind it`)
  }
}
