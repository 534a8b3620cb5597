import { MoldauError } from '../base/errors.ts'
import * as batch from '../record/batch.ts'
import { getInt64 } from './numbers.ts'
import type { IndexEntry } from './offset-index.ts'
import { type Place, Places } from './places.ts'
import { WALK_BYTES, plausible } from './scan.ts'
import type { Segment } from './segment.ts'
import type { TimeEntry } from './time-index.ts'
import { VerifiedRange } from './verified-range.ts'

const nothing = Buffer.alloc(0)

/** Where a header is read to that is looked at on the spot. */
const headerBuffer = Buffer.allocUnsafeSlow(batch.BATCH_OVERHEAD)

/** A walk from an index entry that comes so far has missed entries that must be there: the index is wrong. */
const WALK_MAX_BYTES = 1024 * 1024

/** What one read brings into memory, and where the batches that are served may end. */
interface Plan {
  readonly begin: Place
  readonly bytes: number
  /** An index entry among the bytes, near their end. */
  readonly near: IndexEntry | undefined
  /** No batch that reaches this offset is served. */
  readonly upTo: number
}

/**
 * Finds batches in a segment by its indexes, which it distrusts: they have no checksums. Served is only what was checked once. A read of
 * what follows an earlier read, or of the tail, is one read of the file; any other needs one more, of the few batches behind an index entry.
 */
export class SegmentReader {
  readonly #segment: Segment
  readonly #directory: string
  readonly #verified: VerifiedRange
  #doubtful: boolean
  readonly #places: Places
  /** What was looked for last: time look-ups ask twice. */
  #lastOffset: number
  #lastPlace: Place | undefined
  /** The batch that was appended last: most reads are of the tail. */
  #tail: Place | undefined

  constructor(segment: Segment, directory: string) {
    this.#segment = segment
    this.#directory = directory
    this.#verified = new VerifiedRange()
    this.#doubtful = false
    this.#places = new Places()
    this.#lastOffset = -1
    this.#lastPlace = undefined
    this.#tail = undefined
  }

  /** What was written, or found sound by a scan with checksums, need not be checked when it is read. */
  verified(from: number, to: number): void {
    this.#verified.add(from, to)
  }

  /**
   * A sync has failed: what is in memory may be dropped at any time, and what the disk has may be something else. Everything is checked whenever
   * it is read, until `false` says that all of it is on the disk.
   */
  set doubtful(doubtful: boolean) {
    this.#doubtful = doubtful
    this.#verified.truncate(0)
  }

  /** The last batch of the segment, as long as it takes appends. */
  noteTail(offset: number, position: number, size: number): void {
    this.#tail = { position, expected: offset, size }
  }

  forgetTail(): void {
    this.#tail = undefined
  }

  truncated(position: number): void {
    this.#verified.truncate(position)
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
    return this.#find(offset).position
  }

  /**
   * Whole batches from the one that has `offset`, at most `maxBytes` of them but always one, all below `upTo`. Empty when there is none.
   * Where an index entry stands near the end of what is asked for, they end there.
   *
   * @param allocate makes the buffer for them, of the size asked for
   * @throws CORRUPT_BATCH when the first of them is damaged
   */
  read(offset: number, maxBytes: number, upTo: number, allocate: (size: number) => Buffer): Buffer {
    const plan = this.#plan(this.#find(offset), maxBytes, upTo)
    if (plan === undefined) return nothing
    const { position } = plan.begin
    const { log, nextOffset } = this.#segment
    const bytes = allocate(plan.bytes)
    if (log.file.read(bytes, 0, bytes.length, position) < bytes.length) throw this.#damaged(position, nextOffset)
    const end = this.#boundary(plan, bytes)
    if (end.position === position) return nothing
    const records = bytes.subarray(0, end.position - position)
    return !this.#doubtful && this.#verified.covers(position, end.position)
      ? this.#served(records, end)
      : this.#verify(records, plan.begin, end)
  }

  /** Position of a batch at or before `position`, near it. */
  boundaryBefore(position: number): number {
    this.#segment.loadIndexes()
    const entry = this.#segment.indexes.offsets.lookupPosition(position)
    return entry !== undefined && this.#holds(entry) ? entry.position : 0
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
    const header = this.#header(this.position(offset))
    return header === undefined ? batch.NO_TIMESTAMP : batch.maxTimestamp(header, 0)
  }

  /** Where the batch stands that {@link SegmentReader.position} speaks of. */
  #find(offset: number): Place {
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
        if (hole !== undefined && offset >= hole.from && offset < first) throw this.#damaged(hole.position, first)
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
    if (found === undefined && hole !== undefined) throw this.#damaged(hole.position, segment.nextOffset)
    return found ?? { position: segment.size, expected, size: 0 }
  }

  /** How much to read from `begin` on; `undefined` when nothing there may be served. */
  #plan(begin: Place, maxBytes: number, upTo: number): Plan | undefined {
    const { indexes, size, nextOffset } = this.#segment
    const { position } = begin
    let limit = size
    if (upTo < nextOffset) limit = this.#limit(upTo)
    if (position >= limit) return undefined
    const whole = { begin, bytes: limit - position, near: undefined, upTo }
    if (position + maxBytes >= limit) return upTo < nextOffset ? this.#upToOffset(whole) : whole
    const wanted = position + Math.max(maxBytes, begin.size > 0 ? begin.size : this.#sizeAt(position))
    if (wanted >= limit) return upTo < nextOffset ? this.#upToOffset(whole) : whole
    this.#segment.loadIndexes()
    const entry = indexes.offsets.lookupPosition(wanted)
    const near = entry !== undefined && entry.position > position ? entry : undefined
    // What stands behind the entry and fits may be a few small batches, or the first part of a large one, not worth reading.
    const end = near === undefined || wanted - near.position <= WALK_BYTES ? wanted : near.position + batch.BATCH_OVERHEAD
    const plan = { begin, bytes: Math.min(end, limit) - position, near, upTo }
    return upTo < nextOffset ? this.#upToOffset(plan) : plan
  }

  /** Where at the latest the batches end that are wholly below `upTo`: at an index entry, if there is one behind. */
  #limit(upTo: number): number {
    this.#segment.loadIndexes()
    const { offsets } = this.#segment.indexes
    let entry = offsets.lookupAfter(upTo)
    if (entry !== undefined && !this.#holds(entry)) {
      this.#segment.rebuildIndexes()
      entry = offsets.lookupAfter(upTo)
    }
    return entry?.position ?? this.#segment.size
  }

  /** The same plan with an index entry whose batch is wholly below `upTo`. */
  #upToOffset(plan: Plan): Plan {
    const { begin, bytes, upTo } = plan
    const entry = this.#segment.indexes.offsets.lookup(upTo - 1)
    const below = entry !== undefined && entry.position > begin.position && entry.position < begin.position + bytes ? entry : undefined
    if (plan.near !== undefined && (entry === undefined || plan.near.offset <= entry.offset)) return plan
    return { ...plan, near: below }
  }

  /** The end of the last whole batch in `bytes` that may be served, found from the index entry on, or from the beginning. */
  #boundary(plan: Plan, bytes: Buffer): Place {
    const { begin, near, upTo } = plan
    const { size, nextOffset } = this.#segment
    if (upTo >= nextOffset && begin.position + bytes.length === size) return { position: size, expected: nextOffset, size: 0 }
    const loaded = { buffer: bytes, position: begin.position }
    let start = begin
    if (near !== undefined) {
      const at = near.position - begin.position
      const known = at + batch.BATCH_OVERHEAD <= bytes.length && isBatchOf(bytes, at, near)
      if (known) start = { position: near.position, expected: batch.baseOffset(bytes, at), size: batch.sizeInBytes(bytes, at) }
    }
    let end = start
    let refused = false
    this.#segment.scan({
      from: start.position,
      to: begin.position + bytes.length,
      fileEnd: size,
      minOffset: start.expected,
      loaded,
      visit: (buf, at, position) => {
        refused = batch.lastOffset(buf, at) >= upTo
        if (refused) return false
        const next = at + batch.sizeInBytes(buf, at)
        const nextSize = next + batch.LOG_OVERHEAD <= buf.length ? batch.sizeInBytes(buf, next) : 0
        end = { position: position + next - at, expected: batch.nextOffset(buf, at), size: nextSize }
        return true
      },
    })
    if (end.position === begin.position && !refused) throw this.#damaged(begin.position, nextOffset)
    return end
  }

  /** Checks what nobody has checked since the file was opened; what follows a damaged batch is left for a later read. */
  #verify(records: Buffer, { position: begin, expected }: Place, end: Place): Buffer {
    const { position, nextOffset } = this.#segment.scan({
      from: begin,
      to: begin + records.length,
      fileEnd: this.#segment.size,
      minOffset: expected,
      verify: true,
      loaded: { buffer: records, position: begin },
      visit: () => true,
    })
    if (position === begin) throw this.#damaged(begin, undefined)
    this.#verified.add(begin, position)
    const whole = position === end.position
    return this.#served(records.subarray(0, position - begin), { position, expected: nextOffset, size: whole ? end.size : 0 })
  }

  /** The next read begins where this one ends. */
  #served(records: Buffer, end: Place): Buffer {
    this.#places.note(end)
    return records
  }

  /** The header of the batch at `position`, valid until the next call; `undefined` when there cannot be one. */
  #header(position: number): Buffer | undefined {
    const { log, size, baseOffset, nextOffset } = this.#segment
    if (position < 0 || position + headerBuffer.length > size) return undefined
    const length = log.file.read(headerBuffer, 0, headerBuffer.length, position)
    return length === headerBuffer.length && plausible(headerBuffer, 0, baseOffset, nextOffset) ? headerBuffer : undefined
  }

  #sizeAt(position: number): number {
    const header = this.#header(position)
    return header === undefined ? 0 : batch.sizeInBytes(header, 0)
  }

  /** Whether the batch that an index entry speaks of is there. */
  #holds(entry: IndexEntry): boolean {
    const header = this.#header(entry.position)
    return header !== undefined && batch.lastOffset(header, 0) === entry.offset
  }

  #damaged(position: number, next: number | undefined): MoldauError {
    const where = `${this.#directory}: ${this.#segment.log.path} is damaged at byte ${position}`
    const rest = next === undefined ? '' : `; the records up to offset ${next} cannot be read`
    return new MoldauError('CORRUPT_BATCH', `${where}${rest}: restore the file from a copy, or read on behind it`)
  }
}

function isBatchOf(buf: Buffer, at: number, entry: IndexEntry): boolean {
  return batch.magic(buf, at) === batch.MAGIC && getInt64(buf, at) + batch.lastOffsetDelta(buf, at) === entry.offset
}
