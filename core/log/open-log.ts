import { MoldauError, messageOf } from '../base/errors.ts'
import { kafkaError } from '../protocol/errors.ts'
import * as batch from '../record/batch.ts'
import type { Durability } from './durability.ts'
import type { LeaderEpochs } from './epochs.ts'
import type { LogContext } from './log-context.ts'
import type { AppendInfo, AppendOptions, ReadResult } from './partition-log-types.ts'
import { restoreProducers } from './producer-restore.ts'
import { trimSnapshots, writeSnapshot } from './producer-snapshot.ts'
import type { ProducerRules, ProducerState } from './producer-state.ts'
import { type RecoveredLog, recoverFrom } from './recovery.ts'
import { segmentsDue } from './retention.ts'
import { startCleaned, startSegment } from './segment-files.ts'
import type { Segment } from './segment.ts'
import type { Segments } from './segments.ts'
import type { Timers } from './timers.ts'
import type { AbortedTransaction } from './transaction-index.ts'
import { loadTransactions, noteAborted } from './transactions.ts'
import { validate } from './validate.ts'

export interface OpenLogParts {
  readonly context: LogContext
  readonly recovered: RecoveredLog
  readonly durability: Durability
  readonly timers: Timers
  /** The first offset that may be read, as far as the files have it. */
  readonly startOffset: number
}

/** A log whose folder has been read: segments, leader epochs and producers, and what changes them together. */
export class OpenLog {
  readonly segments: Segments
  readonly epochs: LeaderEpochs
  /** The first offset that may be read. */
  startOffset: number
  readonly #context: LogContext
  readonly #durability: Durability
  readonly #timers: Timers
  #producers: ProducerState

  constructor({ context, recovered, durability, timers, startOffset }: OpenLogParts) {
    const { segments, epochs, producers, recoveryPoint } = recovered
    this.segments = segments
    this.epochs = epochs
    this.startOffset = Math.min(Math.max(startOffset, segments.first.baseOffset), segments.active.nextOffset)
    this.#context = context
    this.#durability = durability
    this.#timers = timers
    this.#producers = producers
    this.#activate(segments.active)
    durability.opened(segments, recoveryPoint)
  }

  get endOffset(): number {
    return this.segments.active.nextOffset
  }

  get producers(): ProducerState {
    return this.#producers
  }

  append(sent: Buffer, { leaderEpoch, origin = 'client', transactionVersion = 0 }: AppendOptions): AppendInfo {
    const { config, clock } = this.#context
    const now = clock.now()
    const baseOffset = this.endOffset
    const { records, nextOffset, maxTimestamp, producerAt } = validate(sent, { config, origin, leaderEpoch, offset: baseOffset, now })
    const logAppendTime = config.messageTimestampType === 'LogAppendTime' ? now : -1
    if (producerAt >= 0) {
      const known = this.#checkProducer(records, producerAt, { sequences: origin === 'client', transactionVersion })
      if (known !== undefined) {
        const { lastOffset, offsetDelta, timestamp } = known
        return { baseOffset: lastOffset - offsetDelta, lastOffset, logAppendTime: timestamp, duplicate: true }
      }
    }
    try {
      this.#write(records, nextOffset, maxTimestamp, now)
    } catch (error) {
      throw this.#durability.refused(error)
    }
    // Their file is written by the next sync: an append that is in the log must not fail any more.
    this.epochs.assign(leaderEpoch, baseOffset)
    if (producerAt >= 0) noteAborted(this.segments.active, this.#producers, this.#producers.apply(records, producerAt, now))
    return { baseOffset, lastOffset: nextOffset - 1, logAppendTime, duplicate: false }
  }

  read(offset: number, maxBytes: number, upTo: number, allocate: (size: number) => Buffer): ReadResult {
    const { segments } = this
    if (offset < this.startOffset || offset > this.endOffset) {
      const range = `${this.startOffset} to ${this.endOffset}`
      throw kafkaError('OFFSET_OUT_OF_RANGE', `${this.#context.name} has ${range}, asked for ${offset}`)
    }
    for (let i = segments.floorIndex(offset); i < segments.length && offset < upTo; i++) {
      const segment = segments.at(i)!
      const records = this.#context.guard('read', () => segment.reader.read(Math.max(offset, segment.baseOffset), maxBytes, upTo, allocate))
      if (records.length > 0) return { records, from: offset }
      const mayEnd = segment.nextOffset > upTo || this.#context.mayHaveGaps(segment.baseOffset)
      if (offset >= segment.baseOffset && offset < segment.nextOffset && !mayEnd) {
        const what = `${this.#context.name}: records from ${offset} to ${segment.nextOffset} are missing at the end of ${segment.log.path}`
        throw new MoldauError('CORRUPT_BATCH', `${what}: restore the file from a copy, or read on behind them`)
      }
    }
    return { records: Buffer.alloc(0), from: offset }
  }

  abortedTransactions(from: number, upTo: number): AbortedTransaction[] {
    const aborted: AbortedTransaction[] = []
    for (const segment of this.segments.from(from)) {
      this.#context.guard('read', () => this.#loadTransactions(segment))
      for (const entry of segment.indexes.transactions.entries()) {
        if (entry.lastOffset >= from && entry.firstOffset < upTo) aborted.push(entry)
        if (entry.lastStableOffset >= upTo) return aborted
      }
    }
    return aborted
  }

  /** Records below `offset` may no longer be read; the files of segments go with retention. */
  moveStart(offset: number): void {
    this.startOffset = offset
    this.epochs.truncateStart(offset)
  }

  applyRetention(now: number, highWatermark: number): number {
    const { segments, startOffset: logStartOffset } = this
    const { config } = this.#context
    this.#producers.expire(now - config.producerIdExpirationMs)
    const failing = this.#durability.failure !== undefined
    return this.#context.guard('retention', () => {
      // A disk that is full needs this most: what is synced may go, but no new segment can be begun.
      const bound = failing ? Math.min(highWatermark, this.#durability.flushedOffset) : highWatermark
      const all = segmentsDue(segments, config, { now, logStartOffset, highWatermark: bound })
      const due = failing ? Math.min(all, segments.length - 1) : all
      if (due === 0) return 0
      if (due === segments.length) this.#rollForRetention()
      const gone = segments.dropFirst(due)
      this.startOffset = Math.max(logStartOffset, segments.first.baseOffset)
      this.#discard(gone)
      this.epochs.truncateStart(this.startOffset)
      return due
    })
  }

  /** A segment beside the log, for the cleaner to fill. */
  startCleaned(baseOffset: number, created: number): Segment {
    return this.#context.guard('compaction', () => startCleaned(this.#context, baseOffset, created))
  }

  /** Puts a cleaned segment in the place of those that it was made from; their files go after `file.delete.delay.ms`. */
  replace(old: readonly Segment[], cleaned: Segment): void {
    this.segments.replace(old, cleaned)
    this.#durability.directoryChanged()
    this.#context.guard('compaction', () => this.#discard(old))
  }

  truncateTo(offset: number): void {
    const { segments } = this
    this.#context.guard('truncate', () => {
      const keep = segments.floorIndex(offset)
      this.#drop(keep + 1)
      const { active } = segments
      this.#activate(active)
      if (offset <= active.baseOffset) active.truncate(0, Math.max(offset, active.baseOffset))
      else active.cutAt(offset)
      this.#endHere()
    })
  }

  /** Drops what stands in a segment at `position` and after it, and all later segments: the log ends at `offset`. */
  cut(segment: Segment, position: number, offset: number): void {
    this.#drop(this.segments.floorIndex(segment.baseOffset) + 1)
    segment.truncate(position, offset)
    segment.reindex()
    this.#activate(segment)
    this.#endHere()
  }

  #drop(from: number): void {
    for (const segment of this.segments.dropAfter(from)) {
      this.#durability.removed(segment)
      segment.remove()
    }
  }

  /** The active segment was cut: everything else follows it. */
  #endHere(): void {
    const { segments } = this
    const { active } = segments
    const { files, directory } = this.#context
    const end = active.nextOffset
    active.indexes.transactions.truncate(end)
    this.#durability.truncated(active, end)
    this.startOffset = Math.min(this.startOffset, end)
    this.epochs.truncateEnd(end)
    trimSnapshots(files, directory, { above: end })
    this.#producers = restoreProducers(this.#context, segments, end)
  }

  /** Writes what the next open wants to find: the indexes of the last segment and the state of the producers. */
  seal(): void {
    this.#context.guard('close', () => {
      this.segments.active.seal()
      this.#snapshot()
    })
  }

  /** The others are checked when they are loaded; without this one nobody would know of aborted transactions. */
  async syncSealed(): Promise<void> {
    const { file } = this.segments.active.indexes.transactions
    if (file.count === 0) return
    const { files, directory } = this.#context
    await file.sync()
    await files.syncDirectory(directory)
  }

  close(): void {
    for (const segment of this.segments) segment.close()
  }

  #checkProducer(records: Buffer, at: number, rules: ProducerRules): ReturnType<ProducerState['check']> {
    if (!batch.isControl(records, at)) return this.#producers.check(records, at, rules)
    this.#producers.checkMarker(records, at, rules)
    return undefined
  }

  #write(records: Buffer, nextOffset: number, maxTimestamp: number, now: number): void {
    let { active } = this.segments
    if (active.isFull(this.#context.config, records.length, nextOffset - 1, maxTimestamp, now)) active = this.#roll()
    active.append(records)
    active.modified = now
    this.#durability.written(active)
  }

  /** Closes the active segment and begins the next one behind it. */
  #roll(): Segment {
    const full = this.segments.active
    full.seal()
    this.#snapshot()
    const segment = startSegment(this.#context, full.nextOffset)
    this.segments.add(segment)
    full.indexes.unpin()
    this.#activate(segment)
    this.#durability.closed(full)
    // The recovery point follows: behind the next checkpoint a crash costs no more than a scan of the last segment or two.
    this.#durability.flushInBackground()
    return segment
  }

  /** All segments are due: a failure to begin the next one is one of the disk, as in an append. */
  #rollForRetention(): void {
    try {
      this.#roll()
    } catch (error) {
      throw this.#durability.refused(error)
    }
  }

  /** The last segment is appended to: its indexes are in memory and stay there. */
  #activate(segment: Segment): void {
    this.#context.guard('open', () => {
      segment.resumeIndexes()
      this.#loadTransactions(segment)
    })
  }

  #snapshot(): void {
    const { segments } = this
    const { files, directory } = this.#context
    writeSnapshot(files, directory, this.endOffset, this.#producers.entries())
    const { baseOffset: below } = segments.at(recoverFrom(segments, this.#durability.flushedOffset))!
    trimSnapshots(files, directory, { below })
  }

  #loadTransactions(segment: Segment): void {
    const { segments } = this
    loadTransactions(segment, segments, () => restoreProducers(this.#context, segments, segment.baseOffset))
  }

  /** Renames the files now and removes them after `file.delete.delay.ms`. Those that a stop leaves behind go at the next open. */
  #discard(gone: readonly Segment[]): void {
    for (const segment of gone) {
      this.#durability.removed(segment)
      try {
        segment.markDeleted()
      } catch (error) {
        // A longer name may need room in the folder that a full disk has not.
        this.#context.warn({ file: segment.log.path, error: messageOf(error) }, 'a segment cannot be renamed: removed at once')
        segment.remove()
      }
    }
    const { files, directory, config, indexSizes } = this.#context
    indexSizes.dropBelow(this.segments.first.baseOffset)
    trimSnapshots(files, directory, { below: this.segments.first.baseOffset })
    this.#timers.after(config.fileDeleteDelayMs, async () => {
      try {
        for (const segment of gone) await segment.removeInPool()
      } catch (error) {
        this.#context.warn({ error: messageOf(error) }, 'files of deleted segments remain')
      }
    })
  }
}
