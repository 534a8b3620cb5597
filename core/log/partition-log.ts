import type { MoldauError } from '../base/errors.ts'
import { kafkaError } from '../protocol/errors.ts'
import { type LogConfig, logConfig } from './config.ts'
import type { EpochEnd } from './epochs.ts'
import { FlushPolicy } from './flush-policy.ts'
import { Healing } from './healing.ts'
import { LazyLog } from './lazy-log.ts'
import type { OpenLog } from './open-log.ts'
import type { AppendInfo, AppendOptions, PartitionLogOptions, ReadResult } from './partition-log-types.ts'
import type { ProducerEntry } from './producer-state.ts'
import { type FoundTimestamp, findTimestamp, newestTimestamp } from './timestamps.ts'
import { Watermarks } from './watermarks.ts'

export type { AppendInfo, AppendOptions, PartitionLogOptions, ReadResult } from './partition-log-types.ts'

/**
 * The log of one partition on one disk. All calls but the syncs are synchronous. The folder is looked at when the log is first used, so
 * that thousands of them cost nothing at the start. Kafka's `UnifiedLog`.
 */
export class PartitionLog {
  readonly topic: string
  readonly partition: number
  /** Called when more is synced than before; whoever leads the partition sets it. */
  onFlushed: () => void
  readonly #log: LazyLog
  readonly #watermarks: Watermarks
  readonly #flushPolicy: FlushPolicy
  readonly #healing: Healing
  /** From the checkpoint: where the log begins, as long as the folder has not been looked at. */
  readonly #notedStart: number

  constructor(options: PartitionLogOptions) {
    this.topic = options.topic
    this.partition = options.partition
    this.onFlushed = () => {}
    const log = new LazyLog(options, () => this.onFlushed())
    this.#log = log
    this.#watermarks = new Watermarks(log, options.showsSyncedOnly === true)
    this.#flushPolicy = new FlushPolicy(log)
    this.#healing = new Healing(log, options)
    this.#notedStart = options.logStartOffset ?? 0
  }

  get directory(): string {
    return this.#log.context.directory
  }

  get config(): LogConfig {
    return this.#log.context.config
  }

  /** False as long as nobody has asked for anything: the folder has not been looked at. */
  get loaded(): boolean {
    return this.#log.loaded !== undefined
  }

  /** True when nobody has ever written or read here: the folder has no segment, there is nothing to recover or to delete. */
  get untouched(): boolean {
    return this.#log.untouched
  }

  /** After {@link PartitionLog.close} or {@link PartitionLog.abandon}. */
  get isClosed(): boolean {
    return this.#log.isClosed
  }

  /** The first offset that may be read. */
  get logStartOffset(): number {
    return this.load().startOffset
  }

  /** The offset that the next record gets. */
  get logEndOffset(): number {
    return this.load().endOffset
  }

  /** What all replicas in sync have; as long as nobody has set it the end of the log, or of what is synced. */
  get highWatermark(): number {
    return this.#watermarks.high
  }

  set highWatermark(offset: number) {
    this.#watermarks.high = offset
  }

  /** The high watermark follows the syncs, not the appends. */
  get showsSyncedOnly(): boolean {
    return this.#watermarks.followsSyncs
  }

  /** No record below it belongs to a transaction whose end is open: where `read_committed` ends. */
  get lastStableOffset(): number {
    return this.#watermarks.stable
  }

  /** Everything below is synced. */
  get flushedOffset(): number {
    return this.#log.durability.flushedOffset
  }

  /** What the checkpoints keep; does not open the folder. */
  get checkpointed(): { startOffset: number; highWatermark: number } {
    const { loaded } = this.#log
    if (loaded === undefined) return { startOffset: this.#notedStart, highWatermark: this.flushedOffset }
    return { startOffset: loaded.startOffset, highWatermark: this.highWatermark }
  }

  get sizeInBytes(): number {
    return this.load().segments.sizeInBytes
  }

  get segmentCount(): number {
    return this.load().segments.length
  }

  /** The largest leader epoch that wrote here, -1 for none. */
  get latestEpoch(): number {
    return this.load().epochs.latest
  }

  /** Producers with an open transaction. */
  get ongoingTransactions(): readonly Readonly<ProducerEntry>[] {
    return this.load().producers.ongoing()
  }

  /** What is known of the idempotent producers. */
  get producers(): Iterable<Readonly<ProducerEntry>> {
    return this.load().producers.entries()
  }

  /** The name of its folder. */
  get name(): string {
    return this.#log.context.name
  }

  /** Why the log takes no appends, if so: see {@link PartitionLog.heal}. */
  get failure(): MoldauError | undefined {
    return this.#log.durability.failure
  }

  /** Settings may change while the log is open; the next append or retention goes by the new ones. */
  configure(settings: Partial<LogConfig>): void {
    this.#log.context.config = logConfig(settings, this.#log.context.config)
  }

  /**
   * Opens the folder now rather than when it is first used, recovering it when it was not closed in order.
   *
   * @throws KafkaError KAFKA_STORAGE_ERROR when the disk fails
   */
  load(): OpenLog {
    return this.#log.load()
  }

  /** {@link PartitionLog.load}, unless it is {@link PartitionLog.untouched}. */
  recover(): void {
    this.#log.recover()
  }

  /**
   * Appends what a producer sent: checks it, gives it offsets in place, writes it. It can be read at once; {@link PartitionLog.whenFlushed}
   * tells when it would survive a power loss. A write that fails changes nothing that can be read, and no append is taken until
   * {@link PartitionLog.heal}.
   *
   * @param sent one or more batches; the buffer is changed
   * @throws KafkaError as {@link validate} and {@link ProducerState.check} say, and KAFKA_STORAGE_ERROR
   */
  append(sent: Buffer, options: AppendOptions): AppendInfo {
    const log = this.load()
    this.#mustBeWritable()
    const info = log.append(sent, options)
    this.#flushPolicy.appended()
    return info
  }

  /** Takes note of a batch of a producer that is not appended because its transaction could not be asked for: those behind it must wait for it. */
  refused(sent: Buffer): void {
    this.load().producers.refused(sent, 0)
  }

  /** Appends the control batch that ends a transaction of this version, under the leader epoch given or the latest one. */
  appendMarker(controlBatch: Buffer, leaderEpoch = Math.max(this.latestEpoch, 0), transactionVersion = 0): AppendInfo {
    return this.append(controlBatch, { leaderEpoch, origin: 'coordinator', transactionVersion })
  }

  /**
   * Whole batches from the one that holds `offset` on.
   *
   * @param maxBytes at most so many, but always one batch
   * @param upTo no batch at or above this offset; default the high watermark
   * @param allocate makes the buffer for the batches, of the size asked for
   * @throws KafkaError OFFSET_OUT_OF_RANGE below the start or above the end; CORRUPT_BATCH naming topic, partition, file and position
   */
  read(offset: number, maxBytes: number, upTo = this.highWatermark, allocate = newBuffer): ReadResult {
    return this.load().read(offset, maxBytes, upTo, allocate)
  }

  /** Aborted transactions with records in `[from, upTo)`: what a `read_committed` consumer must leave out. */
  abortedTransactions(from: number, upTo: number): { producerId: number; firstOffset: number }[] {
    return this.load()
      .abortedTransactions(from, upTo)
      .map(({ producerId, firstOffset }) => ({ producerId, firstOffset }))
  }

  /** The first record with a timestamp of at least `timestamp` (milliseconds since 1970); `undefined` when there is none. */
  offsetForTimestamp(timestamp: number): FoundTimestamp | undefined {
    const { segments, startOffset } = this.load()
    return this.#log.context.guard('read', () => findTimestamp(segments, timestamp, startOffset))
  }

  /** The first record that has the largest timestamp of all; `undefined` for an empty log. */
  maxTimestamp(): FoundTimestamp | undefined {
    const { segments, startOffset } = this.load()
    return this.#log.context.guard('read', () => newestTimestamp(segments, startOffset))
  }

  /** Where a leader epoch ends in this log (KIP-101); -1 and -1 when the log does not know it. */
  endOffsetForEpoch(epoch: number): EpochEnd {
    return this.load().epochs.endOffset(epoch, this.logEndOffset)
  }

  /** The leader epoch that wrote the record at `offset`, -1 when not known. */
  epochAt(offset: number): number {
    return this.load().epochs.epochAt(offset)
  }

  /**
   * Syncs everything appended so far. Callers share syncs: see {@link Flusher}.
   *
   * @throws KafkaError KAFKA_STORAGE_ERROR; the log takes no appends after that until {@link PartitionLog.heal}
   */
  flush(): Promise<void> {
    return this.#log.durability.flush()
  }

  /** So much is unsynced that `flush.messages` wants a sync before anybody is answered. */
  get mustSync(): boolean {
    return this.#flushPolicy.isDue
  }

  /** Resolves when everything below `offset` (the offset after the last record in question) is synced. */
  whenFlushed(offset: number): Promise<void> {
    return this.#log.durability.whenFlushed(offset)
  }

  /** Sees to it that what was appended is synced soon; a failure is told by {@link PartitionLog.failure}. */
  flushSoon(): void {
    this.#log.durability.flushSoon()
  }

  /**
   * Takes appends again after a failure, when the disk works: everything that is not known to be synced is read back, checked, written once
   * more and synced; see {@link rewrite}. Nothing to do without a failure.
   *
   * @throws STORAGE_FAILED, CORRUPT_BATCH when the disk fails again: the failure stays
   */
  heal(): Promise<void> {
    return this.#healing.run()
  }

  /**
   * Makes `offset` the first one that may be read (DeleteRecords); whole segments below go at the next retention. Answers the new start.
   *
   * @throws KafkaError OFFSET_OUT_OF_RANGE above the high watermark
   */
  deleteRecordsBefore(offset: number): number {
    const log = this.load()
    if (offset > this.highWatermark || offset < 0) {
      const limit = `the high watermark is ${this.highWatermark}`
      throw kafkaError('OFFSET_OUT_OF_RANGE', `${this.#log.context.name}: cannot delete before ${offset}, ${limit}`)
    }
    if (offset > log.startOffset) log.moveStart(offset)
    return log.startOffset
  }

  /** Where the segments begin, as far as they may be read, and when each was last written (ListOffsets 0). */
  segmentStarts(): { offset: number; modified: number }[] {
    const { files } = this.#log.context
    const { segments, startOffset } = this.load()
    return Array.from(segments, ({ baseOffset, log }) => ({
      offset: Math.max(baseOffset, startOffset),
      modified: files.stat(log.path)?.modified ?? 0,
    }))
  }

  /** Takes out the segments that are due by time, size or start offset, and forgets idle producers. Answers how many segments. */
  applyRetention(now: number): number {
    return this.load().applyRetention(now, this.highWatermark)
  }

  /** Drops the records at and after `offset` (a follower that had more than its leader). Answers the new end. */
  truncateTo(offset: number): number {
    const log = this.load()
    if (offset < log.endOffset) log.truncateTo(offset)
    this.#watermarks.truncated(log.endOffset)
    return log.endOffset
  }

  /** Syncs, writes indexes and the state of the producers, and lets go of all files: the next open reads almost nothing. */
  close(): Promise<void> {
    return this.#log.close()
  }

  /** Lets go of all files without writing anything: before the folder is deleted, and in tests of a crash. */
  abandon(): void {
    this.#log.abandon()
  }

  #mustBeWritable(): void {
    if (this.#log.isClosed) throw kafkaError('KAFKA_STORAGE_ERROR', `${this.#log.context.name} is closed`)
    if (this.failure !== undefined) throw kafkaError('KAFKA_STORAGE_ERROR', this.failure.message)
  }
}

function newBuffer(size: number): Buffer {
  return Buffer.allocUnsafe(size)
}
