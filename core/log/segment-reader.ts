import * as batch from '../record/batch.ts'
import type { BatchFinder } from './batch-finder.ts'
import { getInt64 } from './numbers.ts'
import type { IndexEntry } from './offset-index.ts'
import type { Place } from './places.ts'
import { WALK_BYTES } from './scan.ts'
import type { Segment } from './segment.ts'
import { VerifiedRange } from './verified-range.ts'

const nothing = Buffer.alloc(0)

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
 * Reads whole batches of a segment. Served is only what was checked once. A read of what follows an earlier read, or of the tail, is one read
 * of the file; any other needs one more, see {@link BatchFinder}.
 */
export class SegmentReader {
  readonly #segment: Segment
  readonly #finder: BatchFinder
  readonly #verified: VerifiedRange
  #doubtful: boolean

  constructor(segment: Segment, finder: BatchFinder) {
    this.#segment = segment
    this.#finder = finder
    this.#verified = new VerifiedRange()
    this.#doubtful = false
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

  truncated(position: number): void {
    this.#verified.truncate(position)
  }

  /**
   * Whole batches from the one that has `offset`, at most `maxBytes` of them but always one, all below `upTo`. Empty when there is none.
   * Where an index entry stands near the end of what is asked for, they end there.
   *
   * @param allocate makes the buffer for them, of the size asked for
   * @throws CORRUPT_BATCH when the first of them is damaged
   */
  read(offset: number, maxBytes: number, upTo: number, allocate: (size: number) => Buffer): Buffer {
    const plan = this.#plan(this.#finder.find(offset), maxBytes, upTo)
    if (plan === undefined) return nothing
    const { position } = plan.begin
    const { log, nextOffset } = this.#segment
    const bytes = allocate(plan.bytes)
    if (log.file.read(bytes, 0, bytes.length, position) < bytes.length) throw this.#finder.damaged(position, nextOffset)
    const end = this.#boundary(plan, bytes)
    if (end.position === position) return nothing
    const records = bytes.subarray(0, end.position - position)
    return !this.#doubtful && this.#verified.covers(position, end.position)
      ? this.#served(records, end)
      : this.#verify(records, plan.begin, end)
  }

  /** The bytes of one batch. */
  batchAt(position: number, size: number): Buffer {
    const buf = Buffer.allocUnsafe(size)
    if (this.#segment.log.file.read(buf, 0, size, position) < size || batch.checkBatch(buf, 0, size) !== 'ok') {
      throw this.#finder.damaged(position, undefined)
    }
    return buf
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
    const wanted = position + Math.max(maxBytes, begin.size > 0 ? begin.size : this.#finder.sizeAt(position))
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
    if (entry !== undefined && !this.#finder.holds(entry)) {
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
    if (end.position === begin.position && !refused) throw this.#finder.damaged(begin.position, nextOffset)
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
    if (position === begin) throw this.#finder.damaged(begin, undefined)
    this.#verified.add(begin, position)
    const whole = position === end.position
    return this.#served(records.subarray(0, position - begin), { position, expected: nextOffset, size: whole ? end.size : 0 })
  }

  /** The next read begins where this one ends. */
  #served(records: Buffer, end: Place): Buffer {
    this.#finder.noteEnd(end)
    return records
  }
}

function isBatchOf(buf: Buffer, at: number, entry: IndexEntry): boolean {
  return batch.magic(buf, at) === batch.MAGIC && getInt64(buf, at) + batch.lastOffsetDelta(buf, at) === entry.offset
}
