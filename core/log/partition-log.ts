import { assert } from '../base/assert.ts'
import { type Clock, type Timer, systemClock } from '../base/clock.ts'
import { MoldauError, messageOf } from '../base/errors.ts'
import { type Logger, silentLogger } from '../base/logger.ts'
import { KafkaError, kafkaError } from '../protocol/errors.ts'
import * as batch from '../record/batch.ts'
import { isCompacted, type LogConfig, logConfig } from './config.ts'
import type { EpochEnd, LeaderEpochs } from './epochs.ts'
import type { LogPools } from './file-pool.ts'
import { Durability } from './durability.ts'
import type { AppendInfo, AppendOptions, PartitionLogOptions, ReadResult } from './partition-log-types.ts'
import { trimSnapshots, writeSnapshot } from './producer-snapshot.ts'
import type { ProducerEntry, ProducerState } from './producer-state.ts'
import { recompress } from './recompress.ts'
import { type LogContext, recoverLog, restoreProducers, startSegment } from './recovery.ts'
import { segmentsDue } from './retention.ts'
import type { Segment } from './segment.ts'
import type { Segments } from './segments.ts'
import { type FoundTimestamp, findTimestamp, newestTimestamp } from './timestamps.ts'
import { loadTransactions, noteAborted } from './transactions.ts'
import { type AppendOrigin, validate } from './validate.ts'

export type { AppendInfo, AppendOptions, PartitionLogOptions, ReadResult } from './partition-log-types.ts'

interface State {
  readonly segments: Segments
  readonly epochs: LeaderEpochs
  producers: ProducerState
}

/**
 * The log of one partition on one disk. All calls but the syncs are synchronous. The folder is looked at when the log is first used, so
 * that thousands of them cost nothing at the start. Kafka's `UnifiedLog`.
 */
export class PartitionLog {
  readonly topic: string
  readonly partition: number
  readonly #options: PartitionLogOptions
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #durability: Durability
  readonly #directory: string
  #config: LogConfig
  #state: State | undefined
  #logStartOffset: number
  #highWatermark: number | undefined
  #flushTimer: boolean
  readonly #timers: Set<Timer>
  #closed: boolean

  constructor(options: PartitionLogOptions) {
    this.topic = options.topic
    this.partition = options.partition
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#logger = options.logger ?? silentLogger
    this.#directory = options.directory
    this.#durability = new Durability(
      {
        files: options.pools.files.files,
        directory: options.directory,
        log: () => this.load(),
        onFailure: (error) =>
          this.#log('error', { error: error.message }, 'a sync failed: the log takes no appends until it is opened again'),
      },
      options.recoveryPoint ?? 0,
    )
    this.#config = logConfig(options.config)
    this.#state = undefined
    this.#logStartOffset = options.logStartOffset ?? 0
    this.#highWatermark = undefined
    this.#flushTimer = false
    this.#timers = new Set()
    this.#closed = false
  }

  get directory(): string {
    return this.#directory
  }

  get config(): LogConfig {
    return this.#config
  }

  /** False as long as nobody has asked for anything: the folder has not been looked at. */
  get loaded(): boolean {
    return this.#state !== undefined
  }

  /** The first offset that may be read. */
  get logStartOffset(): number {
    this.load()
    return this.#logStartOffset
  }

  /** The offset that the next record gets. */
  get logEndOffset(): number {
    return this.load().segments.active.nextOffset
  }

  /** What all replicas in sync have; the end of the log as long as nobody has set it. */
  get highWatermark(): number {
    return this.#highWatermark ?? this.logEndOffset
  }

  set highWatermark(offset: number) {
    this.#highWatermark = Math.max(this.logStartOffset, Math.min(offset, this.logEndOffset))
    this.load().producers.replicated(this.#highWatermark)
  }

  /** No record below it belongs to a transaction whose end is open: where `read_committed` ends. */
  get lastStableOffset(): number {
    const { producers } = this.load()
    const { highWatermark } = this
    producers.replicated(highWatermark)
    return Math.min(producers.firstUnstableOffset ?? highWatermark, highWatermark)
  }

  /** Everything below is synced. */
  get flushedOffset(): number {
    return this.#durability.flushedOffset
  }

  /** What the checkpoints keep; does not open the folder. */
  get checkpointed(): { startOffset: number; highWatermark: number } {
    if (this.#state === undefined) return { startOffset: this.#logStartOffset, highWatermark: this.flushedOffset }
    return { startOffset: this.#logStartOffset, highWatermark: this.highWatermark }
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

  /** Why the log takes no appends any more, if so. */
  get failure(): MoldauError | undefined {
    return this.#durability.failure
  }

  /** Settings may change while the log is open; the next append or retention goes by the new ones. */
  configure(settings: Partial<LogConfig>): void {
    this.#config = logConfig(settings, this.#config)
  }

  /**
   * Opens the folder now rather than when it is first used, recovering it when it was not closed in order.
   *
   * @throws KafkaError KAFKA_STORAGE_ERROR when the disk fails
   */
  load(): State {
    if (this.#state !== undefined) return this.#state
    if (this.#closed) throw new MoldauError('CLOSED', `${this.#name}: the log is closed`)
    const { recoveryPoint = 0, logStartOffset, clean = false } = this.#options
    const hints = { recoveryPoint, startOffset: logStartOffset ?? 0, clean }
    const { segments, producers, epochs, recoveryPoint: flushed } = this.#guard('open', () => recoverLog(this.#context(), hints))
    this.#state = { segments, producers, epochs }
    this.#durability.opened(segments, flushed)
    this.#logStartOffset = Math.min(Math.max(this.#logStartOffset, segments.first.baseOffset), segments.active.nextOffset)
    this.#guard('open', () => this.#loadTransactions(segments.active))
    return this.#state
  }

  /**
   * Appends what a producer sent: checks it, gives it offsets in place, writes it. It can be read at once; {@link PartitionLog.whenFlushed}
   * tells when it would survive a power loss. A write that fails changes nothing, and the next append may succeed.
   *
   * @param sent one or more batches; the buffer is changed
   * @throws KafkaError as {@link validate} and {@link ProducerState.check} say, and KAFKA_STORAGE_ERROR
   */
  append(sent: Buffer, { leaderEpoch, origin = 'client' }: AppendOptions): AppendInfo {
    const state = this.load()
    this.#mustBeWritable()
    const records = recompress(sent, this.#config.compressionType)
    const now = this.#clock.now()
    const baseOffset = state.segments.active.nextOffset
    const { nextOffset, maxTimestamp, producerAt } = validate(records, {
      config: this.#config,
      origin,
      leaderEpoch,
      offset: baseOffset,
      now,
    })
    const logAppendTime = this.#config.messageTimestampType === 'LogAppendTime' ? now : -1
    if (producerAt >= 0) {
      const known = this.#checkProducer(state, records, producerAt, origin)
      if (known !== undefined) {
        const { lastOffset, offsetDelta } = known
        return { baseOffset: lastOffset - offsetDelta, lastOffset, logAppendTime, duplicate: true }
      }
    }
    this.#guard('append', () => this.#write(state, records, nextOffset, maxTimestamp, now))
    if (state.epochs.latest < leaderEpoch && state.epochs.assign(leaderEpoch, baseOffset)) this.#guard('append', () => state.epochs.save())
    if (producerAt >= 0) this.#applyProducer(state, records, producerAt, now)
    this.#flushWhenDue()
    return { baseOffset, lastOffset: nextOffset - 1, logAppendTime, duplicate: false }
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
   * @throws KafkaError OFFSET_OUT_OF_RANGE below the start or above the end; CORRUPT_BATCH naming topic, partition, file and position
   */
  read(offset: number, maxBytes: number, upTo = this.highWatermark): ReadResult {
    const { segments } = this.load()
    if (offset < this.#logStartOffset || offset > segments.active.nextOffset) {
      const range = `${this.#logStartOffset} to ${segments.active.nextOffset}`
      throw kafkaError('OFFSET_OUT_OF_RANGE', `${this.#name} has ${range}, asked for ${offset}`)
    }
    for (let i = segments.floorIndex(offset); i < segments.length && offset < upTo; i++) {
      const segment = segments.at(i)!
      const records = this.#guard('read', () => segment.read(Math.max(offset, segment.baseOffset), maxBytes, upTo))
      if (records.length > 0) return { records, from: offset }
      if (offset >= segment.baseOffset && offset < segment.nextOffset && segment.nextOffset <= upTo && !isCompacted(this.#config)) {
        const what = `${this.#name}: records from ${offset} to ${segment.nextOffset} are missing at the end of ${segment.log.path}`
        throw new MoldauError('CORRUPT_BATCH', `${what}: restore the file from a copy, or read on behind them`)
      }
    }
    return { records: Buffer.alloc(0), from: offset }
  }

  /** Aborted transactions with records in `[from, upTo)`: what a `read_committed` consumer must leave out. */
  abortedTransactions(from: number, upTo: number): { producerId: number; firstOffset: number }[] {
    const { segments } = this.load()
    const aborted: { producerId: number; firstOffset: number }[] = []
    for (const segment of segments.from(from)) {
      this.#guard('read', () => this.#loadTransactions(segment))
      for (const { producerId, firstOffset, lastOffset, lastStableOffset } of segment.transactions.entries()) {
        if (lastOffset >= from && firstOffset < upTo) aborted.push({ producerId, firstOffset })
        if (lastStableOffset >= upTo) return aborted
      }
    }
    return aborted
  }

  /** The first record with a timestamp of at least `timestamp` (milliseconds since 1970); `undefined` when there is none. */
  offsetForTimestamp(timestamp: number): FoundTimestamp | undefined {
    const { segments } = this.load()
    return this.#guard('read', () => findTimestamp(segments, timestamp, this.#logStartOffset))
  }

  /** The first record that has the largest timestamp of all; `undefined` for an empty log. */
  maxTimestamp(): FoundTimestamp | undefined {
    const { segments } = this.load()
    return this.#guard('read', () => newestTimestamp(segments, this.#logStartOffset))
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
   * @throws KafkaError KAFKA_STORAGE_ERROR; the log takes no appends after that, because nobody knows what the disk has kept
   */
  flush(): Promise<void> {
    return this.#durability.flush()
  }

  /** Resolves when everything below `offset` (the offset after the last record in question) is synced. */
  whenFlushed(offset: number): Promise<void> {
    if (this.flushedOffset >= offset) return Promise.resolve()
    return this.flush()
  }

  /**
   * Makes `offset` the first one that may be read (DeleteRecords); whole segments below go at the next retention. Answers the new start.
   *
   * @throws KafkaError OFFSET_OUT_OF_RANGE above the high watermark
   */
  deleteRecordsBefore(offset: number): number {
    const { epochs } = this.load()
    if (offset > this.highWatermark || offset < 0) {
      throw kafkaError('OFFSET_OUT_OF_RANGE', `${this.#name}: cannot delete before ${offset}, the high watermark is ${this.highWatermark}`)
    }
    if (offset <= this.#logStartOffset) return this.#logStartOffset
    this.#logStartOffset = offset
    this.#guard('delete', () => {
      if (epochs.truncateStart(offset)) epochs.save()
    })
    return offset
  }

  /** Takes out the segments that are due by time, size or start offset, and forgets idle producers. Answers how many segments. */
  applyRetention(now: number): number {
    const { segments, producers, epochs } = this.load()
    producers.expire(now - this.#config.producerIdExpirationMs)
    if (this.failure !== undefined) return 0
    return this.#guard('retention', () => {
      const { logStartOffset, highWatermark } = this
      const due = segmentsDue(segments, this.#config, { now, logStartOffset, highWatermark })
      if (due === 0) return 0
      if (due === segments.length) this.#roll(this.logEndOffset)
      const gone = segments.dropFirst(due)
      this.#logStartOffset = Math.max(this.#logStartOffset, segments.first.baseOffset)
      this.#discard(gone)
      if (epochs.truncateStart(this.#logStartOffset)) epochs.save()
      return due
    })
  }

  /** Drops the records at and after `offset` (a follower that had more than its leader). Answers the new end. */
  truncateTo(offset: number): number {
    const state = this.load()
    const { segments, epochs } = state
    if (offset >= this.logEndOffset) return this.logEndOffset
    return this.#guard('truncate', () => {
      const keep = segments.floorIndex(offset)
      const gone = segments.dropAfter(keep + 1)
      for (const segment of gone) {
        this.#durability.removed(segment)
        segment.remove()
      }
      const { active } = segments
      this.#loadTransactions(active)
      if (offset <= active.baseOffset) active.truncate(0, Math.max(offset, active.baseOffset))
      else active.cutAt(offset)
      active.transactions.truncate(active.nextOffset)
      this.#durability.truncated(active, active.nextOffset)
      this.#logStartOffset = Math.min(this.#logStartOffset, active.nextOffset)
      if (this.#highWatermark !== undefined) this.#highWatermark = Math.min(this.#highWatermark, active.nextOffset)
      if (epochs.truncateEnd(active.nextOffset)) epochs.save()
      trimSnapshots(this.#files, this.#directory, { above: active.nextOffset })
      state.producers = restoreProducers(this.#context(), segments, active.nextOffset)
      return active.nextOffset
    })
  }

  /** Syncs, writes indexes and the state of the producers, and lets go of all files: the next open reads almost nothing. */
  async close(): Promise<void> {
    const state = this.#state
    if (this.#closed || state === undefined) return this.#end()
    try {
      if (this.failure !== undefined) return
      await this.flush()
      this.#guard('close', () => {
        state.segments.active.seal()
        this.#snapshot(state)
      })
    } finally {
      this.#end()
    }
  }

  /** Lets go of all files without writing anything: before the folder is deleted, and in tests of a crash. */
  abandon(): void {
    this.#end()
  }

  get #files(): LogPools['files']['files'] {
    return this.#options.pools.files.files
  }

  get #name(): string {
    return `${this.topic}-${this.partition}`
  }

  #context(): LogContext {
    const { topic, partition } = this
    const { pools } = this.#options
    return { topic, partition, directory: this.#directory, config: this.#config, pools, clock: this.#clock, logger: this.#logger }
  }

  #mustBeWritable(): void {
    if (this.#closed) throw kafkaError('KAFKA_STORAGE_ERROR', `${this.#name} is closed`)
    if (this.failure !== undefined) throw kafkaError('KAFKA_STORAGE_ERROR', this.failure.message)
  }

  #checkProducer(state: State, records: Buffer, at: number, origin: AppendOrigin): ReturnType<ProducerState['check']> {
    if (!batch.isControl(records, at)) return state.producers.check(records, at, origin === 'client')
    state.producers.checkMarker(records, at)
    return undefined
  }

  #applyProducer(state: State, records: Buffer, at: number, now: number): void {
    noteAborted(state.segments.active, state.producers, state.producers.apply(records, at, now))
  }

  #write(state: State, records: Buffer, nextOffset: number, maxTimestamp: number, now: number): void {
    let { active } = state.segments
    if (active.isFull(this.#config, records.length, nextOffset - 1, maxTimestamp, now)) active = this.#roll(active.nextOffset)
    active.append(records)
    this.#durability.written(active)
  }

  /** Closes the active segment and begins the next one at `offset`. */
  #roll(offset: number): Segment {
    const state = this.load()
    const full = state.segments.active
    assert(offset === full.nextOffset, 'a segment begins where the last one ends')
    full.seal()
    this.#snapshot(state)
    const segment = startSegment(this.#context(), offset)
    state.segments.add(segment)
    this.#durability.written(full)
    this.#durability.directoryChanged()
    // The recovery point follows, so that a crash costs no more than a scan of the last segment or two.
    this.#flushInBackground()
    return segment
  }

  #snapshot(state: State): void {
    const { nextOffset } = state.segments.active
    writeSnapshot(this.#files, this.#directory, nextOffset, state.producers.entries())
    const recoverFrom = state.segments.at(state.segments.floorIndex(this.flushedOffset))!.baseOffset
    trimSnapshots(this.#files, this.#directory, { below: recoverFrom })
  }

  #loadTransactions(segment: Segment): void {
    const { segments } = this.load()
    loadTransactions(segment, segments, () => restoreProducers(this.#context(), segments, segment.baseOffset))
  }

  #flushWhenDue(): void {
    const { flushMessages, flushMs } = this.#config
    if (flushMessages >= 0 && this.logEndOffset - this.flushedOffset >= flushMessages) this.#flushInBackground()
    if (flushMs < 0 || this.#flushTimer) return
    this.#flushTimer = true
    this.#after(flushMs, () => {
      this.#flushTimer = false
      this.#flushInBackground()
    })
  }

  #flushInBackground(): void {
    // A failure is kept in `failure` and answered by the next append.
    this.flush().catch(() => {})
  }

  /** Renames the files now and removes them after `file.delete.delay.ms`. */
  #discard(gone: readonly Segment[]): void {
    for (const segment of gone) {
      this.#durability.removed(segment)
      segment.markDeleted()
    }
    trimSnapshots(this.#files, this.#directory, { below: this.load().segments.first.baseOffset })
    // Files that a stop leaves behind go at the next open.
    this.#after(this.#config.fileDeleteDelayMs, () => {
      try {
        for (const segment of gone) segment.remove()
      } catch (error) {
        this.#log('warn', { error: messageOf(error) }, 'files of deleted segments remain')
      }
    })
  }

  #after(ms: number, run: () => void): void {
    const timer = this.#clock.after(ms, () => {
      this.#timers.delete(timer)
      run()
    })
    this.#timers.add(timer)
  }

  #log(level: 'warn' | 'error', fields: object, message: string): void {
    this.#logger[level]({ topic: this.topic, partition: this.partition, ...fields }, message)
  }

  #end(): void {
    this.#closed = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    if (this.#state === undefined) return
    for (const segment of this.#state.segments) segment.close()
  }

  /** An error of the disk becomes what a client is answered. */
  #guard<T>(operation: string, run: () => T): T {
    try {
      return run()
    } catch (error) {
      if (error instanceof KafkaError || !(error instanceof MoldauError) || error.code !== 'STORAGE_FAILED') throw error
      this.#log('error', { error: error.message }, `${operation} failed`)
      throw kafkaError('KAFKA_STORAGE_ERROR', `${this.#name}: ${error.message}`)
    }
  }
}
