import { MoldauError } from '../base/errors.ts'
import * as batch from '../record/batch.ts'
import type { IndexEntry } from './offset-index.ts'
import { WALK_BYTES } from './scan.ts'
import type { Segment } from './segment.ts'
import type { TimeEntry } from './time-index.ts'
import { VerifiedRange } from './verified-range.ts'

const nothing = Buffer.alloc(0)

/** Finds batches in a segment by its indexes, which it distrusts: they have no checksums. Served is only what was checked once. */
export class SegmentReader {
  readonly #segment: Segment
  readonly #directory: string
  readonly #verified: VerifiedRange
  /** Where the last append went: most reads are of the tail. */
  #tailOffset: number
  #tailPosition: number

  constructor(segment: Segment, directory: string) {
    this.#segment = segment
    this.#directory = directory
    this.#verified = new VerifiedRange()
    this.#tailOffset = Number.MAX_SAFE_INTEGER
    this.#tailPosition = 0
  }

  /** What was written, or found sound by a scan with checksums, need not be checked when it is read. */
  verified(from: number, to: number): void {
    this.#verified.add(from, to)
  }

  /** The last batch of the segment, as long as it takes appends. */
  noteTail(offset: number, position: number): void {
    this.#tailOffset = offset
    this.#tailPosition = position
  }

  forgetTail(): void {
    this.#tailOffset = Number.MAX_SAFE_INTEGER
  }

  truncated(position: number): void {
    this.#verified.truncate(position)
    this.forgetTail()
  }

  /**
   * Position of the first batch that ends at or after `offset`, or the size when there is none.
   *
   * @throws CORRUPT_BATCH when `offset` is in a damaged stretch
   */
  position(offset: number): number {
    return this.#find(offset).position
  }

  /**
   * Whole batches from the one that has `offset`, at most `maxBytes` of them but always one, all below `upTo`. Empty when there is none.
   *
   * @param allocate makes the buffer for them, of the size asked for
   * @throws CORRUPT_BATCH when the first of them is damaged
   */
  read(offset: number, maxBytes: number, upTo: number, allocate: (size: number) => Buffer): Buffer {
    const { position: begin, expected } = this.#find(offset)
    const limit = this.position(upTo)
    if (begin >= limit) return nothing
    const end = begin + maxBytes >= limit ? limit : this.#boundary(begin, begin + maxBytes)
    const records = allocate(end - begin)
    const { log, nextOffset } = this.#segment
    if (log.file.read(records, 0, records.length, begin) < records.length) throw this.#damaged(begin, nextOffset)
    if (this.#verified.covers(begin, end)) return records
    return this.#verify(records, begin, expected)
  }

  /** Position of a batch at or before `position`, near it. */
  boundaryBefore(position: number): number {
    this.#segment.loadIndexes()
    const entry = this.#segment.indexes.offsets.lookupPosition(position)
    return entry !== undefined && this.#startOf(entry) !== undefined ? entry.position : 0
  }

  /** The bytes of one batch. */
  batchAt(position: number, size: number): Buffer {
    const buf = Buffer.allocUnsafe(size)
    if (this.#segment.log.file.read(buf, 0, size, position) < size || batch.checkBatch(buf, 0, size) !== 'ok') {
      throw this.#damaged(position, undefined)
    }
    return buf
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
    let timestamp = -1
    const visit = (buf: Buffer, at: number): boolean => {
      timestamp = batch.maxTimestamp(buf, at)
      return false
    }
    const from = this.position(offset)
    if (from < this.#segment.size) this.#segment.scan({ from, chunkBytes: batch.BATCH_OVERHEAD, visit })
    return timestamp
  }

  /** {@link SegmentReader.position}, and the offset that the batch there is expected to begin with. */
  #find(offset: number): { position: number; expected: number } {
    const segment = this.#segment
    if (offset >= segment.nextOffset) return { position: segment.size, expected: segment.nextOffset }
    if (offset >= this.#tailOffset) return { position: this.#tailPosition, expected: this.#tailOffset }
    segment.loadIndexes()
    const entry = segment.indexes.offsets.lookup(offset)
    const start = this.#startOf(entry)
    if (start === undefined) {
      segment.rebuildIndexes()
      return this.#find(offset)
    }
    let expected = start
    let found = segment.size
    let hole: { from: number; position: number } | undefined
    segment.scan({
      from: entry?.position ?? 0,
      minOffset: start,
      chunkBytes: WALK_BYTES,
      visit: (buf, at, position) => {
        if (batch.lastOffset(buf, at) < offset) {
          expected = batch.nextOffset(buf, at)
          return true
        }
        const first = batch.baseOffset(buf, at)
        if (hole !== undefined && offset >= hole.from && offset < first) throw this.#damaged(hole.position, first)
        if (hole !== undefined) expected = first
        found = position
        return false
      },
      skipped: (position) => {
        hole ??= { from: expected, position }
      },
    })
    if (found === segment.size && hole !== undefined) throw this.#damaged(hole.position, segment.nextOffset)
    return { position: found, expected }
  }

  /** The base offset of the batch that an index entry speaks of; `undefined` when the entry is wrong. */
  #startOf(entry: IndexEntry | undefined): number | undefined {
    if (entry === undefined) return this.#segment.baseOffset
    let start: number | undefined
    const visit = (buf: Buffer, at: number): boolean => {
      if (batch.lastOffset(buf, at) === entry.offset) start = batch.baseOffset(buf, at)
      return false
    }
    this.#segment.scan({ from: entry.position, chunkBytes: batch.BATCH_OVERHEAD, visit })
    return start
  }

  /** The largest end of a batch that is at most `end`, or the end of the first batch. */
  #boundary(begin: number, end: number): number {
    const from = Math.max(begin, this.boundaryBefore(end))
    let boundary = from
    this.#segment.scan({
      from,
      chunkBytes: WALK_BYTES,
      visit: (buf, at, position) => {
        const next = position + batch.sizeInBytes(buf, at)
        if (next > end && boundary > begin) return false
        boundary = next
        return next < end
      },
    })
    if (boundary === begin) throw this.#damaged(begin, this.#segment.nextOffset)
    return boundary
  }

  /** Checks what nobody has checked since the file was opened; what follows a damaged batch is left for a later read. */
  #verify(records: Buffer, begin: number, expected: number): Buffer {
    let end = begin
    // From the file once more, because the check of the offsets looks beyond the last batch.
    this.#segment.scan({
      from: begin,
      minOffset: expected,
      verify: true,
      chunkBytes: records.length + batch.BATCH_OVERHEAD,
      visit(buf, at, position) {
        if (position >= begin + records.length) return false
        end = position + batch.sizeInBytes(buf, at)
        return true
      },
    })
    if (end === begin) throw this.#damaged(begin, undefined)
    this.#verified.add(begin, end)
    return records.subarray(0, end - begin)
  }

  #damaged(position: number, next: number | undefined): MoldauError {
    const where = `${this.#directory}: ${this.#segment.log.path} is damaged at byte ${position}`
    const rest = next === undefined ? '' : `; the records up to offset ${next} cannot be read`
    return new MoldauError('CORRUPT_BATCH', `${where}${rest}: restore the file from a copy, or read on behind it`)
  }
}
