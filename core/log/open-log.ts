import { MoldauError, messageOf } from '../base/errors.ts'
import { kafkaError } from '../protocol/errors.ts'
import * as batch from '../record/batch.ts'
import type { Durability } from './durability.ts'
import type { LeaderEpochs } from './epochs.ts'
import type { LogContext } from './log-context.ts'
import type { AppendInfo, ReadResult } from './partition-log-types.ts'
import { restoreProducers } from './producer-restore.ts'
import { trimSnapshots, writeSnapshot } from './producer-snapshot.ts'
import type { ProducerState } from './producer-state.ts'
import type { RecoveredLog } from './recovery.ts'
import { segmentsDue } from './retention.ts'
import { startCleaned, startSegment } from './segment-files.ts'
import type { Segment } from './segment.ts'
import type { Segments } from './segments.ts'
import type { Timers } from './timers.ts'
import type { AbortedTransaction } from './transaction-index.ts'
import { loadTransactions, noteAborted } from './transactions.ts'
import { type AppendOrigin, validate } from './validate.ts'

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

  append(sent: Buffer, leaderEpoch: number, origin: AppendOrigin): AppendInfo {
    const { config, clock } = this.#context
    const now = clock.now()
    const baseOffset = this.endOffset
    const { records, nextOffset, maxTimestamp, producerAt } = validate(sent, { config, origin, leaderEpoch, offset: baseOffset, now })
    const logAppendTime = config.messageTimestampType === 'LogAppendTime' ? now : -1
    if (producerAt >= 0) {
      const known = this.#checkProducer(records, producerAt, origin)
      if (known !== undefined) {
        const { lastOffset, offsetDelta } = known
        return { baseOffset: lastOffset - offsetDelta, lastOffset, logAppendTime, duplicate: true }
      }
    }
    this.#context.guard('append', () => this.#write(records, nextOffset, maxTimestamp, now))
    const { epochs } = this
    if (epochs.latest < leaderEpoch && epochs.assign(leaderEpoch, baseOffset)) this.#context.guard('append', () => epochs.save())
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
    this.#context.guard('delete', () => this.#trimEpochs())
  }

  applyRetention(now: number, highWatermark: number): number {
    const { segments, startOffset: logStartOffset } = this
    const { config } = this.#context
    this.#producers.expire(now - config.producerIdExpirationMs)
    if (this.#durability.failure !== undefined) return 0
    return this.#context.guard('retention', () => {
      const due = segmentsDue(segments, config, { now, logStartOffset, highWatermark })
      if (due === 0) return 0
      if (due === segments.length) this.#roll()
      const gone = segments.dropFirst(due)
      this.startOffset = Math.max(logStartOffset, segments.first.baseOffset)
      this.#discard(gone)
      this.#trimEpochs()
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
    const { segments, epochs } = this
    const { files, directory } = this.#context
    this.#context.guard('truncate', () => {
      const keep = segments.floorIndex(offset)
      const gone = segments.dropAfter(keep + 1)
      for (const segment of gone) {
        this.#durability.removed(segment)
        segment.remove()
      }
      const { active } = segments
      this.#activate(active)
      if (offset <= active.baseOffset) active.truncate(0, Math.max(offset, active.baseOffset))
      else active.cutAt(offset)
      const end = active.nextOffset
      active.indexes.transactions.truncate(end)
      this.#durability.truncated(active, end)
      this.startOffset = Math.min(this.startOffset, end)
      if (epochs.truncateEnd(end)) epochs.save()
      trimSnapshots(files, directory, { above: end })
      this.#producers = restoreProducers(this.#context, segments, end)
    })
  }

  /** Writes what the next open wants to find: the indexes of the last segment and the state of the producers. */
  seal(): void {
    this.#context.guard('close', () => {
      this.segments.active.seal()
      this.#snapshot()
    })
  }

  close(): void {
    for (const segment of this.segments) segment.close()
  }

  #checkProducer(records: Buffer, at: number, origin: AppendOrigin): ReturnType<ProducerState['check']> {
    if (!batch.isControl(records, at)) return this.#producers.check(records, at, origin === 'client')
    this.#producers.checkMarker(records, at)
    return undefined
  }

  #write(records: Buffer, nextOffset: number, maxTimestamp: number, now: number): void {
    let { active } = this.segments
    if (active.isFull(this.#context.config, records.length, nextOffset - 1, maxTimestamp, now)) active = this.#roll()
    active.append(records)
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
    this.#durability.written(full)
    this.#durability.directoryChanged()
    // The recovery point follows, so that a crash costs no more than a scan of the last segment or two.
    this.#durability.flushInBackground()
    return segment
  }

  /** The last segment is appended to: its indexes are in memory and stay there. */
  #activate(segment: Segment): void {
    segment.indexes.pin()
    this.#context.guard('open', () => {
      segment.loadIndexes()
      this.#loadTransactions(segment)
    })
  }

  #snapshot(): void {
    const { segments } = this
    const { files, directory } = this.#context
    writeSnapshot(files, directory, this.endOffset, this.#producers.entries())
    const recoverFrom = segments.at(segments.floorIndex(this.#durability.flushedOffset))!.baseOffset
    trimSnapshots(files, directory, { below: recoverFrom })
  }

  #loadTransactions(segment: Segment): void {
    const { segments } = this
    loadTransactions(segment, segments, () => restoreProducers(this.#context, segments, segment.baseOffset))
  }

  #trimEpochs(): void {
    if (this.epochs.truncateStart(this.startOffset)) this.epochs.save()
  }

  /** Renames the files now and removes them after `file.delete.delay.ms`. Those that a stop leaves behind go at the next open. */
  #discard(gone: readonly Segment[]): void {
    for (const segment of gone) {
      this.#durability.removed(segment)
      segment.markDeleted()
    }
    const { files, directory, config } = this.#context
    trimSnapshots(files, directory, { below: this.segments.first.baseOffset })
    this.#timers.after(config.fileDeleteDelayMs, () => {
      try {
        for (const segment of gone) segment.remove()
      } catch (error) {
        this.#context.warn({ error: messageOf(error) }, 'files of deleted segments remain')
      }
    })
  }
}
