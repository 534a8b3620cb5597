import { MoldauError } from '../base/errors.ts'
import * as batch from '../record/batch.ts'
import type { LogConfig } from './config.ts'
import { DELETED, LOG, OFFSET_INDEX, TIME_INDEX, TRANSACTION_INDEX, segmentPath } from './file-names.ts'
import type { LogPools, PooledFile } from './file-pool.ts'
import { type IndexEntry, OffsetIndex } from './offset-index.ts'
import { type ScanEnd, type ScanOptions, WALK_BYTES, scan } from './scan.ts'
import { type TimeEntry, TimeIndex } from './time-index.ts'
import { TransactionIndex } from './transaction-index.ts'
import { VerifiedRange } from './verified-range.ts'

export interface SegmentOptions {
  readonly pools: LogPools
  readonly directory: string
  readonly baseOffset: number
  readonly indexIntervalBytes: number
  /** Milliseconds since 1970: for `segment.ms` as long as no record tells the time. */
  readonly created: number
}

const RELATIVE_OFFSET_MAX = 0x7fff_ffff
const nothing = Buffer.alloc(0)

/** One `.log` file with its indexes: the part of a log from a base offset on. Kafka's `LogSegment`. */
export class Segment {
  readonly baseOffset: number
  readonly log: PooledFile
  readonly offsets: OffsetIndex
  readonly times: TimeIndex
  readonly transactions: TransactionIndex
  readonly created: number
  /** Bytes of whole batches in the file. */
  size: number
  /** The offset after the last batch. */
  nextOffset: number
  /** Largest timestamp of a batch, -1 for none; known after {@link Segment.loadIndexes}. */
  maxTimestamp: number
  /** Last offset of the first batch that has {@link Segment.maxTimestamp}. */
  maxTimestampOffset: number
  readonly #pools: LogPools
  readonly #directory: string
  readonly #indexIntervalBytes: number
  readonly #verified: VerifiedRange
  #bytesSinceEntry: number
  /** Of the first batch; `undefined` until somebody asks. */
  #firstTimestamp: number | undefined
  /** Where the last append went: most reads are of the tail. */
  #tailOffset: number
  #tailPosition: number

  constructor({ pools, directory, baseOffset, indexIntervalBytes, created }: SegmentOptions) {
    this.baseOffset = baseOffset
    this.log = pools.files.file(segmentPath(directory, baseOffset, LOG))
    this.offsets = new OffsetIndex(pools, segmentPath(directory, baseOffset, OFFSET_INDEX), baseOffset)
    this.times = new TimeIndex(pools, segmentPath(directory, baseOffset, TIME_INDEX), baseOffset)
    this.transactions = new TransactionIndex(pools, segmentPath(directory, baseOffset, TRANSACTION_INDEX))
    this.created = created
    this.size = 0
    this.nextOffset = baseOffset
    this.maxTimestamp = batch.NO_TIMESTAMP
    this.maxTimestampOffset = baseOffset
    this.#pools = pools
    this.#directory = directory
    this.#indexIntervalBytes = indexIntervalBytes
    this.#verified = new VerifiedRange()
    this.#bytesSinceEntry = 0
    this.#firstTimestamp = undefined
    this.#tailOffset = Number.MAX_SAFE_INTEGER
    this.#tailPosition = 0
  }

  /** Makes the indexes empty and ready to be appended to. */
  resetIndexes(): void {
    this.offsets.file.reset()
    this.times.file.reset()
    this.#forgetTail()
    this.maxTimestamp = batch.NO_TIMESTAMP
    this.maxTimestampOffset = this.baseOffset
    this.#bytesSinceEntry = 0
  }

  /** Writes batches whose offsets are final. After an error the file is as long as before, or {@link Segment.size} says what counts. */
  append(records: Buffer): void {
    try {
      this.log.file.write([records], this.size)
    } catch (error) {
      this.#cutBack()
      throw error
    }
    let at = 0
    const start = this.size
    while (at < records.length) {
      this.note(records, at, start + at)
      this.#tailOffset = batch.baseOffset(records, at)
      this.#tailPosition = start + at
      at += batch.sizeInBytes(records, at)
    }
    this.#verified.add(start, this.size)
  }

  /** Takes note of a batch that stands at `position` of the file, which is the end of what is known: index entries and bounds. */
  note(buf: Buffer, at: number, position: number): void {
    const size = batch.sizeInBytes(buf, at)
    const lastOffset = batch.lastOffset(buf, at)
    const timestamp = batch.maxTimestamp(buf, at)
    if (timestamp > this.maxTimestamp) {
      this.maxTimestamp = timestamp
      this.maxTimestampOffset = lastOffset
    }
    if (this.#bytesSinceEntry > this.#indexIntervalBytes) {
      this.offsets.append(lastOffset, position)
      this.times.append(this.maxTimestamp, this.maxTimestampOffset)
      this.#bytesSinceEntry = 0
    }
    this.#bytesSinceEntry += size
    this.size = position + size
    this.nextOffset = lastOffset + 1
  }

  /** What a scan with checksums found sound need not be checked when it is read. */
  verified(from: number, to: number): void {
    this.#verified.add(from, to)
  }

  /** Loads the indexes of a closed segment, or makes them from the log when they are missing or cannot be right. */
  loadIndexes(): void {
    if (this.offsets.file.loaded && this.times.file.loaded) return
    if (!this.offsets.load(this.size) || !this.times.load(this.nextOffset)) return this.rebuildIndexes()
    const last = this.times.lastEntry
    if (last === undefined) return
    if (!this.timeHolds(last)) return this.rebuildIndexes()
    this.maxTimestamp = last.timestamp
    this.maxTimestampOffset = last.offset
  }

  /**
   * Goes on where a clean stop ended: the indexes are loaded, only what follows their last entry is read. False when the end of the file
   * or of an index is not sound.
   */
  adoptTail(size: number): boolean {
    const entry = this.offsets.lastEntry
    const time = this.times.lastEntry
    this.maxTimestamp = time?.timestamp ?? batch.NO_TIMESTAMP
    this.maxTimestampOffset = time?.offset ?? this.baseOffset
    this.nextOffset = this.baseOffset
    let sinceEntry = 0
    const end = this.scan({
      from: entry?.position ?? 0,
      to: size,
      maxOffset: Number.MAX_SAFE_INTEGER,
      visit: (buf, at, position) => {
        if (position === entry?.position && batch.lastOffset(buf, at) !== entry.offset) return false
        if (batch.maxTimestamp(buf, at) > this.maxTimestamp) return false
        sinceEntry += batch.sizeInBytes(buf, at)
        this.nextOffset = batch.nextOffset(buf, at)
        return true
      },
    })
    this.size = size
    this.#bytesSinceEntry = sinceEntry
    if (end.reason !== 'end' || (time !== undefined && time.offset >= this.nextOffset)) return false
    return time === undefined || this.timeHolds(time)
  }

  /** Makes the indexes by offset and time from the log, and saves them. */
  rebuildIndexes(): void {
    this.reindex()
    this.seal()
  }

  /** The same for the segment that takes the appends: the indexes stay in memory and go on. */
  reindex(): void {
    const { size, nextOffset } = this
    this.resetIndexes()
    this.scan({ from: 0, verify: true, visit: (buf, at, position) => this.note(buf, at, position), skipped: () => {} })
    this.size = size
    this.nextOffset = nextOffset
  }

  /** Ends the indexes with the newest timestamp and writes them: called when the segment is closed for appends. */
  seal(): void {
    this.times.append(this.maxTimestamp, this.maxTimestampOffset)
    this.saveIndexes()
  }

  saveIndexes(): void {
    this.offsets.file.save()
    this.times.file.save()
    if (this.transactions.file.count > 0) this.transactions.file.save()
  }

  /** Syncs the log, and the indexes of a closed segment with it: below the recovery point they are trusted. */
  async sync(closed: boolean): Promise<void> {
    await this.log.sync()
    if (!closed) return
    for (const index of [this.offsets, this.times, this.transactions]) await index.file.sync()
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
   * @throws CORRUPT_BATCH when the first of them is damaged
   */
  read(offset: number, maxBytes: number, upTo: number): Buffer {
    const { position: begin, expected } = this.#find(offset)
    const limit = this.position(upTo)
    if (begin >= limit) return nothing
    const end = begin + maxBytes >= limit ? limit : this.#boundary(begin, begin + maxBytes)
    const records = Buffer.allocUnsafe(end - begin)
    if (this.log.file.read(records, 0, records.length, begin) < records.length) throw this.#damaged(begin, this.nextOffset)
    if (this.#verified.covers(begin, end)) return records
    return this.#verify(records, begin, expected)
  }

  scan(options: Omit<ScanOptions, 'to' | 'minOffset'> & { to?: number; minOffset?: number }): ScanEnd {
    return scan(this.log, { to: this.size, minOffset: this.baseOffset, maxOffset: this.nextOffset, ...options })
  }

  /** Drops what stands at `position` and after it. */
  truncate(position: number, nextOffset: number): void {
    this.log.file.truncate(position)
    this.size = position
    this.nextOffset = nextOffset
    this.#verified.truncate(position)
    this.#forgetTail()
    this.#firstTimestamp = undefined
    if (position === 0) this.resetIndexes()
  }

  /** Drops the batch that holds `offset` and all after it, index entries with them. */
  cutAt(offset: number): void {
    const position = this.position(offset)
    let first = offset
    const visit = (buf: Buffer, at: number): boolean => {
      first = Math.min(offset, batch.baseOffset(buf, at))
      return false
    }
    this.scan({ from: position, chunkBytes: batch.BATCH_OVERHEAD, visit })
    this.truncate(position, first)
    this.reindex()
  }

  /** Position of a batch at or before `position`, near it. */
  boundaryBefore(position: number): number {
    this.loadIndexes()
    const entry = this.offsets.lookupPosition(position)
    return entry !== undefined && this.#startOf(entry) !== undefined ? entry.position : 0
  }

  /** The bytes of one batch. */
  batchAt(position: number, size: number): Buffer {
    const buf = Buffer.allocUnsafe(size)
    if (this.log.file.read(buf, 0, size, position) < size || batch.checkBatch(buf, 0, size) !== 'ok')
      throw this.#damaged(position, undefined)
    return buf
  }

  /** Whether a batch of `bytes` up to `lastOffset` goes into the next segment. Kafka's `LogSegment.shouldRoll`. */
  isFull(config: LogConfig, bytes: number, lastOffset: number, timestamp: number, now: number): boolean {
    if (lastOffset - this.baseOffset > RELATIVE_OFFSET_MAX) return true
    if (this.size === 0) return false
    const { segmentBytes, segmentIndexBytes, segmentMs } = config
    if (this.size > segmentBytes - bytes) return true
    if (this.offsets.bytes + 8 > segmentIndexBytes || this.times.bytes + 24 > segmentIndexBytes * 1.5) return true
    const first = this.#firstBatchTimestamp()
    return (first >= 0 && timestamp >= 0 ? timestamp - first : now - this.created) > segmentMs
  }

  /** Renames the files on their way out; {@link Segment.remove} finishes. */
  markDeleted(): void {
    this.log.close()
    for (const file of this.#files()) file.rename(file.path + DELETED)
  }

  remove(): void {
    this.close()
    for (const { path } of this.#files()) this.#pools.files.files.unlink(path)
  }

  close(): void {
    this.log.close()
    for (const index of [this.offsets, this.times, this.transactions]) index.file.unload()
  }

  #files(): { path: string; rename(path: string): void }[] {
    return [this.log, this.offsets.file, this.times.file, this.transactions.file]
  }

  /** {@link Segment.position}, and the offset that the batch there is expected to begin with. */
  #find(offset: number): { position: number; expected: number } {
    if (offset >= this.nextOffset) return { position: this.size, expected: this.nextOffset }
    if (offset >= this.#tailOffset) return { position: this.#tailPosition, expected: this.#tailOffset }
    this.loadIndexes()
    const entry = this.offsets.lookup(offset)
    const start = this.#startOf(entry)
    if (start === undefined) {
      this.rebuildIndexes()
      return this.#find(offset)
    }
    let expected = start
    let found = this.size
    let hole: { from: number; position: number } | undefined
    this.scan({
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
    if (found === this.size && hole !== undefined) throw this.#damaged(hole.position, this.nextOffset)
    return { position: found, expected }
  }

  #firstBatchTimestamp(): number {
    if (this.#firstTimestamp === undefined && this.size > 0) this.#firstTimestamp = this.maxTimestampAt(this.baseOffset)
    return this.#firstTimestamp ?? batch.NO_TIMESTAMP
  }

  #forgetTail(): void {
    this.#tailOffset = Number.MAX_SAFE_INTEGER
  }

  /** The base offset of the batch that an index entry speaks of; `undefined` when the entry is wrong. */
  #startOf(entry: IndexEntry | undefined): number | undefined {
    if (entry === undefined) return this.baseOffset
    let start: number | undefined
    const visit = (buf: Buffer, at: number): boolean => {
      if (batch.lastOffset(buf, at) === entry.offset) start = batch.baseOffset(buf, at)
      return false
    }
    this.scan({ from: entry.position, chunkBytes: batch.BATCH_OVERHEAD, visit })
    return start
  }

  /** The largest end of a batch that is at most `end`, or the end of the first batch. */
  #boundary(begin: number, end: number): number {
    const from = Math.max(begin, this.boundaryBefore(end))
    let boundary = from
    this.scan({
      from,
      chunkBytes: WALK_BYTES,
      visit: (buf, at, position) => {
        const next = position + batch.sizeInBytes(buf, at)
        if (next > end && boundary > begin) return false
        boundary = next
        return next < end
      },
    })
    if (boundary === begin) throw this.#damaged(begin, this.nextOffset)
    return boundary
  }

  /** Checks what nobody has checked since the file was opened; what follows a damaged batch is left for a later read. */
  #verify(records: Buffer, begin: number, expected: number): Buffer {
    let end = begin
    // From the file once more, because the check of the offsets looks beyond the last batch.
    this.scan({
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
    if (from < this.size) this.scan({ from, chunkBytes: batch.BATCH_OVERHEAD, visit })
    return timestamp
  }

  /** The next append writes over the remains of a failed one, but a crash before it should not find them. */
  #cutBack(): void {
    try {
      this.log.file.truncate(this.size)
    } catch {
      // Recovery drops an incomplete batch.
    }
  }

  #damaged(position: number, next: number | undefined): MoldauError {
    const where = `${this.#directory}: ${this.log.path} is damaged at byte ${position}`
    const rest = next === undefined ? '' : `; the records up to offset ${next} cannot be read`
    return new MoldauError('CORRUPT_BATCH', `${where}${rest}: restore the file from a copy, or read on behind it`)
  }
}
