import { systemClock } from '../base/clock.ts'
import { MoldauError, messageOf } from '../base/errors.ts'
import { silentLogger } from '../base/logger.ts'
import { systemRandom } from '../base/uuid.ts'
import { kafkaError } from '../protocol/errors.ts'
import { type LogConfig, logConfig } from './config.ts'
import { Durability } from './durability.ts'
import type { EpochEnd } from './epochs.ts'
import { LOG } from './file-names.ts'
import { LogContext } from './log-context.ts'
import { OpenLog } from './open-log.ts'
import type { AppendInfo, AppendOptions, PartitionLogOptions, ReadResult } from './partition-log-types.ts'
import type { ProducerEntry } from './producer-state.ts'
import { recoverLog } from './recovery.ts'
import { rewrite } from './rewrite.ts'
import { Timers } from './timers.ts'
import { type FoundTimestamp, findTimestamp, newestTimestamp } from './timestamps.ts'

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
  readonly #context: LogContext
  readonly #options: PartitionLogOptions
  readonly #durability: Durability
  readonly #timers: Timers
  #open: OpenLog | undefined
  #highWatermark: number | undefined
  #flushTimer: boolean
  /** A healing that is not done yet has cut the log. */
  #hasLost: boolean
  #closed: boolean

  constructor(options: PartitionLogOptions) {
    const { topic, partition, directory, pools, clock = systemClock, logger = silentLogger, random = systemRandom } = options
    this.topic = topic
    this.partition = partition
    this.onFlushed = () => {}
    const { cleanedTo } = options
    const config = logConfig(options.config)
    const context = new LogContext({ topic, partition, directory, pools, clock, logger, random, config, ...(cleanedTo && { cleanedTo }) })
    this.#context = context
    this.#options = options
    this.#durability = new Durability(
      {
        files: context.files,
        directory,
        log: () => this.load(),
        onFailure: (error) => this.#failed(error),
        onFlushed: () => this.onFlushed(),
      },
      options.recoveryPoint ?? 0,
    )
    this.#timers = new Timers(clock, (error) => context.error({ error: messageOf(error) }, 'housekeeping failed'))
    this.#open = undefined
    this.#highWatermark = undefined
    this.#flushTimer = false
    this.#hasLost = false
    this.#closed = false
  }

  get directory(): string {
    return this.#context.directory
  }

  get config(): LogConfig {
    return this.#context.config
  }

  /** False as long as nobody has asked for anything: the folder has not been looked at. */
  get loaded(): boolean {
    return this.#open !== undefined
  }

  /** True when nobody has ever written or read here: the folder has no segment, there is nothing to recover or to delete. */
  get untouched(): boolean {
    const { files, directory } = this.#context
    return this.#open === undefined && !files.readdir(directory).some(({ name }) => name.endsWith(LOG))
  }

  /** After {@link PartitionLog.close} or {@link PartitionLog.abandon}. */
  get isClosed(): boolean {
    return this.#closed
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
    if (this.#highWatermark !== undefined) return this.#highWatermark
    return this.showsSyncedOnly ? Math.min(this.load().endOffset, this.flushedOffset) : this.logEndOffset
  }

  set highWatermark(offset: number) {
    this.#highWatermark = Math.max(this.logStartOffset, Math.min(offset, this.logEndOffset))
    this.load().producers.replicated(this.#highWatermark)
  }

  /** The high watermark follows the syncs, not the appends. */
  get showsSyncedOnly(): boolean {
    return this.#options.showsSyncedOnly === true && this.#highWatermark === undefined
  }

  /** No record below it belongs to a transaction whose end is open: where `read_committed` ends. */
  get lastStableOffset(): number {
    const { producers } = this.load()
    const { highWatermark } = this
    producers.replicated(highWatermark)
    // DeleteRecords may move the start beyond the beginning of an open transaction.
    return Math.max(Math.min(producers.firstUnstableOffset ?? highWatermark, highWatermark), this.logStartOffset)
  }

  /** Everything below is synced. */
  get flushedOffset(): number {
    return this.#durability.flushedOffset
  }

  /** What the checkpoints keep; does not open the folder. */
  get checkpointed(): { startOffset: number; highWatermark: number } {
    if (this.#open === undefined) return { startOffset: this.#options.logStartOffset ?? 0, highWatermark: this.flushedOffset }
    return { startOffset: this.#open.startOffset, highWatermark: this.highWatermark }
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
    return this.#context.name
  }

  /** Why the log takes no appends, if so: see {@link PartitionLog.heal}. */
  get failure(): MoldauError | undefined {
    return this.#durability.failure
  }

  /** Settings may change while the log is open; the next append or retention goes by the new ones. */
  configure(settings: Partial<LogConfig>): void {
    this.#context.config = logConfig(settings, this.#context.config)
  }

  /**
   * Opens the folder now rather than when it is first used, recovering it when it was not closed in order.
   *
   * @throws KafkaError KAFKA_STORAGE_ERROR when the disk fails
   */
  load(): OpenLog {
    return this.#open ?? this.#load()
  }

  /**
   * Appends what a producer sent: checks it, gives it offsets in place, writes it. It can be read at once; {@link PartitionLog.whenFlushed}
   * tells when it would survive a power loss. A write that fails changes nothing that can be read, and no append is taken until
   * {@link PartitionLog.heal}.
   *
   * @param sent one or more batches; the buffer is changed
   * @throws KafkaError as {@link validate} and {@link ProducerState.check} say, and KAFKA_STORAGE_ERROR
   */
  append(sent: Buffer, { leaderEpoch, origin = 'client' }: AppendOptions): AppendInfo {
    const log = this.load()
    this.#mustBeWritable()
    const info = log.append(sent, leaderEpoch, origin)
    this.#flushWhenDue()
    return info
  }

  /** Appends the control batch that ends a transaction, under the leader epoch given or the latest one. */
  appendMarker(controlBatch: Buffer, leaderEpoch = Math.max(this.latestEpoch, 0)): AppendInfo {
    return this.append(controlBatch, { leaderEpoch, origin: 'coordinator' })
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
    return this.#context.guard('read', () => findTimestamp(segments, timestamp, startOffset))
  }

  /** The first record that has the largest timestamp of all; `undefined` for an empty log. */
  maxTimestamp(): FoundTimestamp | undefined {
    const { segments, startOffset } = this.load()
    return this.#context.guard('read', () => newestTimestamp(segments, startOffset))
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
    return this.#durability.flush()
  }

  /** So much is unsynced that `flush.messages` wants a sync before anybody is answered. */
  get mustSync(): boolean {
    const { flushMessages } = this.config
    return flushMessages >= 0 && this.logEndOffset - this.flushedOffset >= flushMessages
  }

  /** Resolves when everything below `offset` (the offset after the last record in question) is synced. */
  whenFlushed(offset: number): Promise<void> {
    return this.#durability.whenFlushed(offset)
  }

  /** Sees to it that what was appended is synced soon; a failure is told by {@link PartitionLog.failure}. */
  flushSoon(): void {
    this.#durability.whenFlushed(this.logEndOffset).catch(() => {})
  }

  /**
   * Takes appends again after a failure, when the disk works: everything that is not known to be synced is read back, checked, written once
   * more and synced; see {@link rewrite}. Nothing to do without a failure.
   *
   * @throws STORAGE_FAILED, CORRUPT_BATCH when the disk fails again: the failure stays
   */
  async heal(): Promise<void> {
    if (this.#closed) return
    const context = this.#context
    const stopped = (): boolean => this.#closed
    const log = this.load()
    await this.#durability.heal(async () => {
      const before = log.endOffset
      await rewrite({ context, log, from: this.flushedOffset, stopped })
      if (log.endOffset === before) return
      this.#hasLost = true
      this.#options.onRecordsLost?.(log.endOffset, before)
    })
    // Told in the turn in which appends are taken again: who has lost something puts it right before anybody else writes.
    if (this.#hasLost) this.#options.onHealedWithLoss?.()
    this.#hasLost = false
    if (!this.#closed) context.warn({ flushedOffset: this.flushedOffset }, 'healed: the log takes appends again')
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
      throw kafkaError('OFFSET_OUT_OF_RANGE', `${this.#context.name}: cannot delete before ${offset}, ${limit}`)
    }
    if (offset > log.startOffset) log.moveStart(offset)
    return log.startOffset
  }

  /** Where the segments begin, as far as they may be read, and when each was last written (ListOffsets 0). */
  segmentStarts(): { offset: number; modified: number }[] {
    const { files } = this.#context
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
    if (this.#highWatermark !== undefined) this.#highWatermark = Math.min(this.#highWatermark, log.endOffset)
    return log.endOffset
  }

  /** Syncs, writes indexes and the state of the producers, and lets go of all files: the next open reads almost nothing. */
  async close(): Promise<void> {
    const log = this.#open
    if (this.#closed || log === undefined) return this.#end()
    try {
      if (this.failure !== undefined) return
      await this.flush()
      log.seal()
      await log.syncSealed()
    } finally {
      this.#end()
    }
  }

  /** Lets go of all files without writing anything: before the folder is deleted, and in tests of a crash. */
  abandon(): void {
    this.#end()
  }

  #load(): OpenLog {
    const context = this.#context
    if (this.#closed) throw new MoldauError('CLOSED', `${context.name}: the log is closed`)
    const { recoveryPoint = 0, logStartOffset: startOffset = 0, clean = false, writesSurvived = false } = this.#options
    const recovered = context.guard('open', () => recoverLog(context, { recoveryPoint, startOffset, clean, writesSurvived }))
    this.#open = new OpenLog({ context, recovered, durability: this.#durability, timers: this.#timers, startOffset })
    return this.#open
  }

  #failed(error: MoldauError): void {
    this.#context.warn(
      { error: error.message },
      'a write or a sync failed: no appends until the disk works and all that is unsynced has been written again',
    )
    this.#options.onFailure?.(error)
  }

  #mustBeWritable(): void {
    if (this.#closed) throw kafkaError('KAFKA_STORAGE_ERROR', `${this.#context.name} is closed`)
    if (this.failure !== undefined) throw kafkaError('KAFKA_STORAGE_ERROR', this.failure.message)
  }

  /** The first of `flush.messages` and `flush.ms`. */
  #flushWhenDue(): void {
    const { flushMs } = this.config
    if (this.mustSync) this.flushSoon()
    if (flushMs < 0 || this.#flushTimer) return
    this.#flushTimer = true
    this.#timers.after(flushMs, () => {
      this.#flushTimer = false
      this.#durability.flushInBackground()
    })
  }

  #end(): void {
    this.#closed = true
    this.#timers.stop()
    this.#open?.close()
  }
}

function newBuffer(size: number): Buffer {
  return Buffer.allocUnsafe(size)
}
