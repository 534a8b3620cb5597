import * as batch from '../record/batch.ts'
import { OFFSET_INDEX, TIME_INDEX, TRANSACTION_INDEX, segmentPath } from './file-names.ts'
import type { LogPools } from './file-pool.ts'
import type { IndexFile } from './index-file.ts'
import { OffsetIndex } from './offset-index.ts'
import { TimeIndex } from './time-index.ts'
import { TransactionIndex } from './transaction-index.ts'

/** The indexes of one segment, which grow with it: by offset and by time one entry per `index.interval.bytes`, and its aborted transactions. */
export class SegmentIndexes {
  readonly offsets: OffsetIndex
  readonly times: TimeIndex
  readonly transactions: TransactionIndex
  /** Largest timestamp of a batch, -1 for none. */
  maxTimestamp: number
  /** Last offset of the first batch that has it. */
  maxTimestampOffset: number
  /** Whether {@link SegmentIndexes.maxTimestamp} is that of the log; stays so when the entries are let go. */
  known: boolean
  readonly #baseOffset: number
  /** `index.interval.bytes` of the entries that are added. */
  readonly intervalBytes: number
  #bytesSinceEntry: number

  constructor(pools: LogPools, directory: string, baseOffset: number, intervalBytes: number, suffix = '') {
    this.offsets = new OffsetIndex(pools, segmentPath(directory, baseOffset, OFFSET_INDEX + suffix), baseOffset)
    this.times = new TimeIndex(pools, segmentPath(directory, baseOffset, TIME_INDEX + suffix), baseOffset)
    this.transactions = new TransactionIndex(pools, segmentPath(directory, baseOffset, TRANSACTION_INDEX + suffix))
    this.maxTimestamp = batch.NO_TIMESTAMP
    this.maxTimestampOffset = baseOffset
    this.known = false
    this.#baseOffset = baseOffset
    this.intervalBytes = intervalBytes
    this.#bytesSinceEntry = 0
  }

  /** Whether entries by offset and time can be looked up. */
  get loaded(): boolean {
    return this.offsets.file.loaded && this.times.file.loaded
  }

  get files(): readonly IndexFile[] {
    return [this.offsets.file, this.times.file, this.transactions.file]
  }

  /** Makes those by offset and time empty and ready to be appended to. */
  reset(): void {
    this.offsets.file.reset()
    this.times.file.reset()
    this.maxTimestamp = batch.NO_TIMESTAMP
    this.maxTimestampOffset = this.#baseOffset
    this.known = true
    this.#bytesSinceEntry = 0
  }

  /** Takes note of a batch of `size` bytes that stands at `position`, behind all that are known. */
  note(position: number, size: number, lastOffset: number, timestamp: number): void {
    if (timestamp > this.maxTimestamp) {
      this.maxTimestamp = timestamp
      this.maxTimestampOffset = lastOffset
    }
    if (this.#bytesSinceEntry > this.intervalBytes) {
      this.offsets.append(lastOffset, position)
      this.times.append(this.maxTimestamp, this.maxTimestampOffset)
      this.#bytesSinceEntry = 0
    }
    this.#bytesSinceEntry += size
  }

  /** Goes on where loaded entries end; `bytesSinceEntry` bytes of batches follow the last of them. */
  resume(bytesSinceEntry: number): void {
    const last = this.times.lastEntry
    this.maxTimestamp = last?.timestamp ?? batch.NO_TIMESTAMP
    this.maxTimestampOffset = last?.offset ?? this.#baseOffset
    this.known = true
    this.#bytesSinceEntry = bytesSinceEntry
  }

  /** Whether the next entry could make one larger than `segment.index.bytes`. */
  isFull(bytesMax: number): boolean {
    return this.offsets.bytes + 8 > bytesMax || this.times.bytes + 24 > bytesMax * 1.5
  }

  /** Ends them with the newest timestamp and writes them. */
  seal(): void {
    this.times.append(this.maxTimestamp, this.maxTimestampOffset)
    this.offsets.file.save()
    this.times.file.save()
    if (this.transactions.file.count > 0) this.transactions.file.save()
  }

  /** Writes them once more: a sync of them has failed. */
  rewrite(): void {
    for (const file of this.files) file.rewrite()
  }

  async sync(): Promise<void> {
    for (const file of this.files) await file.sync()
  }

  /** The segment takes appends: they stay in memory until {@link SegmentIndexes.unpin}. */
  pin(): void {
    for (const file of this.files) file.pin()
  }

  unpin(): void {
    for (const file of this.files) file.unpin()
  }

  unload(): void {
    for (const file of this.files) file.unload()
  }
}
