import * as batch from '../record/batch.ts'
import { LeaderEpochs } from './epochs.ts'
import { SNAPSHOT, segmentPath } from './file-names.ts'
import { Headers } from './headers.ts'
import type { LogContext } from './log-context.ts'
import { restoreProducers } from './producer-restore.ts'
import { snapshotOffsets } from './producer-snapshot.ts'
import type { ProducerState } from './producer-state.ts'
import { listSegments, startSegment } from './segment-files.ts'
import type { Segment } from './segment.ts'
import type { Segments } from './segments.ts'
import { noteAborted } from './transactions.ts'

export interface RecoveryHints {
  /** Everything below was synced. */
  readonly recoveryPoint: number
  /** Where an empty log begins. */
  readonly startOffset: number
  /** The log was closed in order: only its end is looked at. */
  readonly clean: boolean
  /**
   * The machine has run on since the last write: a killed process alone leaves nothing half-written but the end of a file. Then headers
   * tell what there is, and checksums are looked at when a batch is read for the first time.
   */
  readonly writesSurvived: boolean
}

/** Read at a time when only headers are looked at: small, since records are passed over. */
const HEADERS_BYTES = 4 * 1024

export interface RecoveredLog {
  readonly segments: Segments
  readonly producers: ProducerState
  readonly epochs: LeaderEpochs
  /** Everything below is synced and sound. */
  readonly recoveryPoint: number
}

/**
 * Opens the folder of a log. After a clean stop it reads the end of the last segment and the snapshot of the producers; otherwise every
 * batch from the recovery point on is checked, the log is cut at the first one that is not whole, and indexes and producer state are
 * made anew. Where a segment's writes have survived (see {@link RecoveryHints.writesSurvived}) and its batches follow each other to the
 * end of the file, their records are not read. Damage below the recovery point is no torn write: it stays where it is, is reported, and
 * never served. Kafka's `LogLoader`.
 *
 * @param names the files of the folder, when the caller has looked
 */
export function recoverLog(context: LogContext, hints: RecoveryHints, names?: readonly string[]): RecoveredLog {
  const { files } = context
  if (names === undefined) files.mkdir(context.directory)
  const segments = listSegments(context, hints.startOffset, names)
  const epochs = new LeaderEpochs(files, context.directory)
  const knowsEpochs = epochs.load()
  if (hints.clean && knowsEpochs && segments.active.adoptTail() && segments.active.nextOffset === hints.recoveryPoint) {
    const producers = restoreProducers(context, segments, segments.active.nextOffset)
    return { segments, producers, epochs, recoveryPoint: segments.active.nextOffset }
  }
  if (!knowsEpochs) rebuildEpochs(segments, epochs)
  const from = recoverFrom(segments, hints.recoveryPoint)
  const snapshots = snapshotOffsets(files, context.directory)
  const producers = restoreProducers(context, segments, segments.at(from)!.baseOffset, snapshots)
  const recovery = new Recovery(context, hints, segments, producers, epochs)
  recovery.run(from)
  const end = segments.active.nextOffset
  epochs.truncateEnd(end)
  if (epochs.unsynced) epochs.save()
  for (const offset of snapshots) {
    if (offset > end) files.unlink(segmentPath(context.directory, offset, SNAPSHOT))
  }
  return { segments, producers, epochs, recoveryPoint: Math.min(hints.recoveryPoint, end) }
}

/**
 * Number of the segment where recovery begins: the one with the last synced record. When that is the last of its segment, the segment may have
 * been closed after the sync, and its indexes are not synced; that one by transaction must not be taken for "none was aborted".
 */
export function recoverFrom(segments: Segments, recoveryPoint: number): number {
  return segments.floorIndex(Math.min(Math.max(0, recoveryPoint - 1), segments.active.baseOffset))
}

function rebuildEpochs(segments: Segments, epochs: LeaderEpochs): void {
  epochs.clear()
  for (const segment of segments) {
    const visit = (buf: Buffer, at: number): void => void epochs.assign(batch.leaderEpoch(buf, at), batch.baseOffset(buf, at))
    segment.scan({ from: 0, visit, skipped: () => {} })
  }
}

/** The headers of the batches, when they lead from one to the next to the end of the file, and the last batch is sound. */
function wholeHeaders(segment: Segment, maxOffset: number): Headers | undefined {
  const { size } = segment
  const headers = new Headers()
  const last = { position: 0, offset: segment.baseOffset }
  const visit = (buf: Buffer, at: number, position: number): void => {
    last.position = position
    last.offset = batch.baseOffset(buf, at)
    headers.add(buf, at)
  }
  if (segment.scan({ from: 0, maxOffset, chunkBytes: HEADERS_BYTES, visit }).reason !== 'end') return undefined
  const end = segment.scan({ from: last.position, minOffset: last.offset, maxOffset, verify: true, visit: () => {} })
  return end.position === size ? headers : undefined
}

/** One run over the segments that may not be as they were written. */
class Recovery {
  readonly #context: LogContext
  readonly #recoveryPoint: number
  readonly #writesSurvived: boolean
  readonly #segments: Segments
  readonly #producers: ProducerState
  readonly #epochs: LeaderEpochs
  readonly #now: number

  constructor(context: LogContext, hints: RecoveryHints, segments: Segments, producers: ProducerState, epochs: LeaderEpochs) {
    this.#context = context
    this.#recoveryPoint = hints.recoveryPoint
    this.#writesSurvived = hints.writesSurvived
    this.#segments = segments
    this.#producers = producers
    this.#epochs = epochs
    this.#now = context.clock.now()
  }

  run(from: number): void {
    for (let i = from; i < this.#segments.length; i++) {
      const segment = this.#segments.at(i)!
      const next = this.#segments.at(i + 1)
      const whole = this.#recoverSegment(segment, next?.baseOffset ?? Number.MAX_SAFE_INTEGER)
      if (!whole || (next !== undefined && this.#lacksEnd(segment, next))) {
        for (const later of this.#segments.dropAfter(i + 1)) later.remove()
        return
      }
      if (next === undefined) return
      segment.nextOffset = next.baseOffset
      segment.seal()
    }
  }

  /** The disk has kept the next segment, and of this one not the last batches, none of which was synced: the log ends here. */
  #lacksEnd(segment: Segment, next: Segment): boolean {
    const { nextOffset } = segment
    const lacks = nextOffset < next.baseOffset && nextOffset >= this.#recoveryPoint && !this.#context.mayHaveGaps(segment.baseOffset)
    if (lacks)
      this.#context.warn(
        { file: segment.log.path, nextOffset, next: next.baseOffset },
        'the end of a segment was never written: the log is cut there',
      )
    return lacks
  }

  /** Answers false when the segment was cut: what comes after it is lost. */
  #recoverSegment(segment: Segment, endOffset: number): boolean {
    const { size: fileSize } = segment
    const headers = this.#writesSurvived ? wholeHeaders(segment, endOffset) : undefined
    const verify = headers === undefined
    const chunk = verify ? {} : { chunkBytes: HEADERS_BYTES }
    segment.resetIndexes()
    segment.indexes.transactions.file.reset()
    segment.size = 0
    segment.nextOffset = segment.baseOffset
    const visit = (buf: Buffer, at: number, position: number): boolean => {
      // Synced offsets do not vanish: a batch that leaves them out has another offset than it was written with.
      const leavesOut = segment.nextOffset < this.#recoveryPoint && batch.baseOffset(buf, at) >= this.#recoveryPoint
      // (The cleaner leaves gaps, but none in the segment that takes the appends.)
      if (leavesOut && (segment === this.#segments.active || !this.#context.mayHaveGaps(segment.baseOffset))) return false
      this.#take(segment, buf, at, position)
      return true
    }
    let from = 0
    for (;;) {
      const end =
        from === 0 && headers?.complete
          ? headers.visit(visit, segment.nextOffset)
          : segment.scan({ from, to: fileSize, minOffset: segment.nextOffset, maxOffset: endOffset, verify, ...chunk, visit })
      if (verify) segment.reader.verified(from, end.position)
      if (end.reason === 'end') return true
      if (end.nextOffset >= this.#recoveryPoint) {
        this.#cut(segment, end.position, fileSize)
        return false
      }
      from = this.#next(segment, end.position, fileSize, endOffset)
      this.#report(segment, end.position, from)
      if (from < fileSize) continue
      // Offsets that were given out and synced are not given out again: the next segment begins behind them.
      segment.size = fileSize
      if (endOffset < Number.MAX_SAFE_INTEGER) return true
      segment.nextOffset = this.#recoveryPoint
      segment.seal()
      this.#segments.add(startSegment(this.#context, this.#recoveryPoint))
      return true
    }
  }

  #take(segment: Segment, buf: Buffer, at: number, position: number): void {
    segment.note(buf, at, position)
    this.#epochs.assign(batch.leaderEpoch(buf, at), batch.baseOffset(buf, at))
    noteAborted(segment, this.#producers, this.#producers.apply(buf, at, this.#now))
  }

  /** Where sound batches go on behind a damaged one. */
  #next(segment: Segment, position: number, fileSize: number, endOffset: number): number {
    let next = fileSize
    const skipped = (_: number, found: number): void => {
      next = found
    }
    segment.scan({
      from: position,
      to: fileSize,
      minOffset: segment.nextOffset,
      maxOffset: endOffset,
      verify: true,
      visit: () => false,
      skipped,
    })
    return next
  }

  #cut(segment: Segment, position: number, fileSize: number): void {
    const file = segment.log.path
    const fields = { file, position, bytes: fileSize - position, nextOffset: segment.nextOffset }
    this.#context.warn(fields, 'the log ends in a batch that was not written to its end: cut off')
    segment.truncate(position, segment.nextOffset)
  }

  #report(segment: Segment, position: number, next: number): void {
    const fields = { file: segment.log.path, position, bytes: next - position, offset: segment.nextOffset }
    this.#context.error(fields, 'the disk has changed records that were synced: they are not served (CORRUPT_BATCH)')
  }
}
