import * as batch from '../record/batch.ts'
import { BatchFinder } from './batch-finder.ts'
import { type LogConfig, rollMs } from './config.ts'
import { DELETED, LOG, OFFSET_INDEX, TIME_INDEX, TRANSACTION_INDEX, segmentPath } from './file-names.ts'
import type { LogPools, PooledFile } from './file-pool.ts'
import type { IndexSizes } from './index-sizes.ts'
import { type ScanEnd, type ScanOptions, scan } from './scan.ts'
import { SegmentIndexes } from './segment-indexes.ts'
import { SegmentReader } from './segment-reader.ts'

export interface SegmentOptions {
  readonly pools: LogPools
  readonly directory: string
  readonly baseOffset: number
  readonly indexIntervalBytes: number
  readonly indexSizes: IndexSizes
  /** Milliseconds since 1970: for `segment.ms` as long as no record tells the time. */
  readonly created: number
  /** Which part of `segment.jitter.ms` is taken off `segment.ms`, from 0 to below 1. */
  readonly rollShare: number
  /** After the names of the files. Default ''. */
  readonly suffix?: string
}

const RELATIVE_OFFSET_MAX = 0x7fff_ffff

/** One `.log` file with its indexes: the part of a log from a base offset on. Kafka's `LogSegment`. */
export class Segment {
  readonly baseOffset: number
  readonly log: PooledFile
  /** Those of a closed segment are there after {@link Segment.loadIndexes}. */
  readonly indexes: SegmentIndexes
  readonly finder: BatchFinder
  readonly reader: SegmentReader
  readonly created: number
  /** When it was appended to last, milliseconds since 1970: the age of records that carry no time. */
  modified: number
  /** Bytes of whole batches in the file. */
  size: number
  /** The offset after the last batch. */
  nextOffset: number
  readonly #pools: LogPools
  readonly #indexSizes: IndexSizes
  readonly #rollShare: number
  readonly #directory: string
  /** Of the first batch; `undefined` until somebody asks. */
  #firstTimestamp: number | undefined

  constructor({ pools, directory, baseOffset, indexIntervalBytes, indexSizes, created, rollShare, suffix = '' }: SegmentOptions) {
    this.baseOffset = baseOffset
    this.log = pools.files.file(segmentPath(directory, baseOffset, LOG + suffix))
    this.indexes = new SegmentIndexes(pools, directory, baseOffset, indexIntervalBytes, suffix)
    this.finder = new BatchFinder(this, directory)
    this.reader = new SegmentReader(this, this.finder)
    this.created = created
    this.modified = created
    this.size = 0
    this.nextOffset = baseOffset
    this.#pools = pools
    this.#indexSizes = indexSizes
    this.#rollShare = rollShare
    this.#directory = directory
    this.#firstTimestamp = undefined
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
      const size = batch.sizeInBytes(records, at)
      this.finder.noteTail(batch.baseOffset(records, at), start + at, size)
      at += size
    }
    this.reader.verified(start, this.size)
  }

  /** Takes note of a batch that stands at `position` of the file, which is the end of what is known: index entries and bounds. */
  note(buf: Buffer, at: number, position: number): void {
    const size = batch.sizeInBytes(buf, at)
    const lastOffset = batch.lastOffset(buf, at)
    this.indexes.note(position, size, lastOffset, batch.newestTimestamp(buf, at))
    this.size = position + size
    this.nextOffset = lastOffset + 1
  }

  /** Makes the indexes by offset and time empty and ready to be appended to. */
  resetIndexes(): void {
    this.indexes.reset()
    this.finder.forgetTail()
  }

  /** Gets the indexes by offset and time ready, or makes them from the log when they are missing or cannot be right. */
  loadIndexes(): void {
    const { offsets, times, loaded } = this.indexes
    if (loaded) return
    if (!offsets.open(this.size) || !times.open(this.nextOffset) || !this.#asSealed()) this.rebuildIndexes()
  }

  /** Whether the indexes by offset and time are as long as they were when they were written, as far as that is known. */
  #asSealed(): boolean {
    const { offsets, times } = this.indexes
    const sealed = this.#indexSizes.of(this.baseOffset)
    return sealed === undefined || (sealed.offsets === offsets.bytes && sealed.times === times.bytes)
  }

  /** The same for the index of transactions, which is loaded. */
  get transactionsAsSealed(): boolean {
    const sealed = this.#indexSizes.of(this.baseOffset)
    return sealed === undefined || sealed.transactions === this.indexes.transactions.bytes
  }

  /** All of them come into memory and stay there: the segment takes appends. */
  resumeIndexes(): void {
    this.indexes.pin()
    this.loadIndexes()
    void this.maxTimestamp
  }

  /** Largest timestamp of its batches, -1 for none: the last one of the index, after a look at the batch that it speaks of. */
  get maxTimestamp(): number {
    const { indexes } = this
    if (indexes.known) return indexes.maxTimestamp
    this.loadIndexes()
    const last = indexes.times.lastEntry
    // Without an entry no batch has a time, the first one neither.
    const holds = last === undefined ? this.finder.maxTimestampAt(this.baseOffset) < 0 : this.finder.timeHolds(last)
    if (holds) indexes.resume(0)
    else this.rebuildIndexes()
    return indexes.maxTimestamp
  }

  /**
   * Goes on where a clean stop ended: the indexes are loaded, only what follows their last entry is read. False when the end of the file
   * or of an index is not sound.
   */
  adoptTail(): boolean {
    const { size, indexes } = this
    if (!indexes.offsets.load(size) || !indexes.times.load(Number.MAX_SAFE_INTEGER) || !this.#asSealed()) return false
    const entry = indexes.offsets.lastEntry
    const time = indexes.times.lastEntry
    const newest = time?.timestamp ?? batch.NO_TIMESTAMP
    let sinceEntry = 0
    this.nextOffset = this.baseOffset
    const end = this.scan({
      from: entry?.position ?? 0,
      to: size,
      maxOffset: Number.MAX_SAFE_INTEGER,
      visit: (buf, at, position) => {
        if (position === entry?.position && batch.lastOffset(buf, at) !== entry.offset) return false
        if (batch.newestTimestamp(buf, at) > newest) return false
        const bytes = batch.sizeInBytes(buf, at)
        sinceEntry += bytes
        this.nextOffset = batch.nextOffset(buf, at)
        this.finder.noteTail(batch.baseOffset(buf, at), position, bytes)
        return true
      },
    })
    indexes.resume(sinceEntry)
    if (end.reason !== 'end' || (time !== undefined && time.offset >= this.nextOffset)) return false
    return time === undefined || this.finder.timeHolds(time)
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

  /** Completes and writes the indexes: called when the segment is closed for appends. */
  seal(): void {
    this.indexes.seal()
    this.noteIndexSizes()
  }

  /** The indexes on the disk are as they should be. */
  noteIndexSizes(): void {
    const { offsets, times, transactions } = this.indexes
    const known = transactions.file.loaded ? transactions.bytes : this.#indexSizes.of(this.baseOffset)?.transactions
    const sizes = { offsets: offsets.bytes, times: times.bytes, transactions: known ?? transactions.file.size() ?? 0 }
    this.#indexSizes.note(this.baseOffset, sizes)
  }

  /** Syncs the log, and the indexes of a closed segment with it: below the recovery point they are trusted. */
  async sync(closed: boolean): Promise<void> {
    await this.log.sync()
    if (closed) await this.indexes.sync()
  }

  scan(options: Omit<ScanOptions, 'to' | 'minOffset'> & { to?: number; minOffset?: number }): ScanEnd {
    return scan(this.log, { to: this.size, minOffset: this.baseOffset, maxOffset: this.nextOffset, ...options })
  }

  /** Drops what stands at `position` and after it. */
  truncate(position: number, nextOffset: number): void {
    this.log.file.truncate(position)
    this.size = position
    this.nextOffset = nextOffset
    this.finder.truncated(position)
    this.reader.truncated(position)
    this.#firstTimestamp = undefined
    if (position === 0) this.resetIndexes()
  }

  /** Drops the batch that holds `offset` and all after it, index entries with them. */
  cutAt(offset: number): void {
    const position = this.finder.position(offset)
    let first = offset
    const visit = (buf: Buffer, at: number): boolean => {
      first = Math.min(offset, batch.baseOffset(buf, at))
      return false
    }
    this.scan({ from: position, chunkBytes: batch.BATCH_OVERHEAD, visit })
    this.truncate(position, first)
    this.reindex()
  }

  /** Whether a batch of `bytes` up to `lastOffset` goes into the next segment. Kafka's `LogSegment.shouldRoll`. */
  isFull(config: LogConfig, bytes: number, lastOffset: number, timestamp: number, now: number): boolean {
    if (lastOffset - this.baseOffset > RELATIVE_OFFSET_MAX) return true
    if (this.size === 0) return false
    const { segmentBytes, segmentIndexBytes, segmentMs, segmentJitterMs } = config
    if (this.size > segmentBytes - bytes || this.indexes.isFull(segmentIndexBytes)) return true
    const first = this.firstTimestamp
    const jitterMs = this.#rollShare * Math.min(segmentJitterMs, segmentMs)
    return (first >= 0 && timestamp >= 0 ? timestamp - first : now - this.created) > rollMs(config) - jitterMs
  }

  /** Gives the files names with another ending, that of the log last. */
  moveTo(suffix: string): void {
    const { offsets, times, transactions } = this.indexes
    const path = (kind: string): string => segmentPath(this.#directory, this.baseOffset, kind + suffix)
    offsets.file.rename(path(OFFSET_INDEX))
    times.file.rename(path(TIME_INDEX))
    transactions.file.rename(path(TRANSACTION_INDEX))
    this.log.rename(path(LOG))
  }

  /** The segment ends at `nextOffset` and takes no more. */
  finish(nextOffset: number): void {
    this.nextOffset = nextOffset
    this.finder.forgetTail()
    this.seal()
  }

  /** Renames the files on their way out; {@link Segment.remove} finishes. */
  markDeleted(): void {
    this.log.close()
    for (const file of [this.log, ...this.indexes.files]) file.rename(file.path + DELETED)
  }

  remove(): void {
    this.close()
    for (const { path } of [this.log, ...this.indexes.files]) this.#pools.files.files.unlink(path)
  }

  /** The same without keeping anybody waiting: a large file takes a while. */
  async removeInPool(): Promise<void> {
    this.close()
    for (const { path } of [this.log, ...this.indexes.files]) await this.#pools.files.files.removeInPool(path)
  }

  close(): void {
    this.log.close()
    this.indexes.unload()
  }

  /** Of the first batch; -1 when there is none. */
  get firstTimestamp(): number {
    if (this.#firstTimestamp === undefined && this.size > 0) this.#firstTimestamp = this.finder.maxTimestampAt(this.baseOffset)
    return this.#firstTimestamp ?? batch.NO_TIMESTAMP
  }

  /** The next append writes over the remains of a failed one, but a crash before it should not find them. */
  #cutBack(): void {
    try {
      this.log.file.truncate(this.size)
    } catch {
      // Recovery drops an incomplete batch.
    }
  }
}
