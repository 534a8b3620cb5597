import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import * as batch from '../record/batch.ts'
import type { LogConfig } from './config.ts'
import { LeaderEpochs } from './epochs.ts'
import { DELETED, LOG, SNAPSHOT, offsetInName, segmentPath, segmentSuffixes } from './file-names.ts'
import type { LogPools } from './file-pool.ts'
import { newestSnapshot, snapshotOffsets } from './producer-snapshot.ts'
import { ProducerState } from './producer-state.ts'
import { Segment } from './segment.ts'
import { Segments } from './segments.ts'
import { noteAborted } from './transactions.ts'

/** What a log is made of, and what its parts share. */
export interface LogContext {
  readonly topic: string
  readonly partition: number
  readonly directory: string
  readonly config: LogConfig
  readonly pools: LogPools
  readonly clock: Clock
  readonly logger: Logger
}

/** The end of the log that is looked through for batches that a client may repeat: five requests of 1 MiB, and others between them. */
const REMEMBERED_BYTES = 8 * 1024 * 1024

export interface RecoveryHints {
  /** Everything below was synced. */
  readonly recoveryPoint: number
  /** Where an empty log begins. */
  readonly startOffset: number
  /** The log was closed in order: only its end is looked at. */
  readonly clean: boolean
}

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
 * made anew. Damage below the recovery point is no torn write: it stays where it is, is reported, and never served. Kafka's `LogLoader`.
 */
export function recoverLog(context: LogContext, hints: RecoveryHints): RecoveredLog {
  const { files } = context.pools.files
  files.mkdir(context.directory)
  const segments = listSegments(context, hints.startOffset)
  const epochs = new LeaderEpochs(files, context.directory)
  const knowsEpochs = epochs.load()
  if (hints.clean && knowsEpochs && adoptTail(segments.active) && segments.active.nextOffset === hints.recoveryPoint) {
    const producers = restoreProducers(context, segments, segments.active.nextOffset)
    return { segments, producers, epochs, recoveryPoint: segments.active.nextOffset }
  }
  if (!knowsEpochs) rebuildEpochs(segments, epochs)
  const from = segments.floorIndex(Math.min(hints.recoveryPoint, segments.active.baseOffset))
  const producers = restoreProducers(context, segments, segments.at(from)!.baseOffset)
  const recovery = new Recovery(context, hints.recoveryPoint, segments, producers, epochs)
  recovery.run(from)
  const end = segments.active.nextOffset
  epochs.truncateEnd(end)
  epochs.save()
  for (const offset of snapshotOffsets(files, context.directory)) {
    if (offset > end) files.unlink(segmentPath(context.directory, offset, SNAPSHOT))
  }
  return { segments, producers, epochs, recoveryPoint: Math.min(hints.recoveryPoint, end) }
}

/** A segment object for a place in the log; its files are made when they are first written. */
export function makeSegment(context: LogContext, baseOffset: number, created: number): Segment {
  const { pools, directory, config } = context
  return new Segment({ pools, directory, baseOffset, indexIntervalBytes: config.indexIntervalBytes, created })
}

/** The first or next segment: its files are there, empty, and its indexes in memory. */
export function startSegment(context: LogContext, baseOffset: number): Segment {
  const segment = makeSegment(context, baseOffset, context.clock.now())
  // Remains of a segment that was cut off here must not come back.
  for (const suffix of segmentSuffixes) context.pools.files.files.unlink(segmentPath(context.directory, baseOffset, suffix))
  segment.log.file.truncate(0)
  segment.resetIndexes()
  segment.transactions.file.reset()
  return segment
}

/** Producer state at `offset`: the newest snapshot at or below it, and what the log says from there on. */
export function restoreProducers(context: LogContext, segments: Segments, offset: number): ProducerState {
  const now = context.clock.now()
  const snapshot = newestSnapshot(context.pools.files.files, context.directory, offset)
  const producers = new ProducerState(snapshot?.entries)
  producers.expire(now - context.config.producerIdExpirationMs)
  if (snapshot !== undefined && producers.size > 0) rememberBatches(segments, producers, snapshot.offset)
  replay(segments, Math.max(snapshot?.offset ?? 0, segments.first.baseOffset), offset, (buf, at) => {
    producers.apply(buf, at, now)
  })
  return producers
}

/**
 * A snapshot keeps one batch per producer, but a client that had five in flight when the broker stopped repeats all five: the headers at
 * the end of the log say what the others were. (Kafka answers OUT_OF_ORDER_SEQUENCE_NUMBER to the repetition.)
 */
function rememberBatches(segments: Segments, producers: ProducerState, end: number): void {
  let bytes = REMEMBERED_BYTES
  const recent: Segment[] = []
  for (let i = segments.floorIndex(end - 1); i >= 0 && bytes > 0; i--) {
    recent.unshift(segments.at(i)!)
    bytes -= segments.at(i)!.size
  }
  for (const segment of recent) {
    const from = segment === recent[0] && bytes < 0 ? segment.boundaryBefore(-bytes) : 0
    const visit = (buf: Buffer, at: number): boolean => {
      if (batch.baseOffset(buf, at) >= end) return false
      producers.remember(buf, at)
      return true
    }
    segment.scan({ from, verify: true, visit, skipped: () => {} })
  }
}

/** Visits the batches that begin in `[from, to)`. */
export function replay(segments: Segments, from: number, to: number, visit: (buf: Buffer, at: number) => void): void {
  if (from >= to) return
  for (const segment of segments.from(from)) {
    if (segment.baseOffset >= to) return
    segment.scan({
      from: segment.baseOffset >= from ? 0 : segment.position(from),
      verify: true,
      skipped: () => {},
      visit(buf, at) {
        if (batch.baseOffset(buf, at) >= to) return false
        visit(buf, at)
        return true
      },
    })
  }
}

function listSegments(context: LogContext, startOffset: number): Segments {
  const { directory, pools, clock } = context
  const { files } = pools.files
  const names = files.readdir(directory).map(({ name }) => name)
  for (const name of names) {
    if (name.endsWith(DELETED) || name.endsWith('.tmp') || name.endsWith('.cleaned')) files.unlink(`${directory}/${name}`)
  }
  const bases = names.map((name) => offsetInName(name, LOG)).filter((offset) => offset !== undefined)
  bases.sort((a, b) => a - b)
  if (bases.length === 0) return new Segments([startSegment(context, startOffset)])
  const known = new Set(bases)
  for (const suffix of segmentSuffixes) {
    for (const name of names) {
      const offset = offsetInName(name, suffix)
      if (offset !== undefined && !known.has(offset)) files.unlink(`${directory}/${name}`)
    }
  }
  const list = bases.map((base, i) => {
    const stat = files.stat(segmentPath(directory, base, LOG))
    const segment = makeSegment(context, base, stat?.modified ?? clock.now())
    segment.size = stat?.size ?? 0
    segment.nextOffset = bases[i + 1] ?? Number.MAX_SAFE_INTEGER
    return segment
  })
  return new Segments(list)
}

/** Reads on from the last index entry of a segment that was closed in order. False when anything is not as it should be. */
function adoptTail(segment: Segment): boolean {
  const { size } = segment
  return segment.offsets.load(size) && segment.times.load(Number.MAX_SAFE_INTEGER) && segment.adoptTail(size)
}

function rebuildEpochs(segments: Segments, epochs: LeaderEpochs): void {
  epochs.clear()
  for (const segment of segments) {
    const visit = (buf: Buffer, at: number): void => void epochs.assign(batch.leaderEpoch(buf, at), batch.baseOffset(buf, at))
    segment.scan({ from: 0, visit, skipped: () => {} })
  }
}

/** One run over the segments that may not be as they were written. */
class Recovery {
  readonly #context: LogContext
  readonly #recoveryPoint: number
  readonly #segments: Segments
  readonly #producers: ProducerState
  readonly #epochs: LeaderEpochs
  readonly #now: number

  constructor(context: LogContext, recoveryPoint: number, segments: Segments, producers: ProducerState, epochs: LeaderEpochs) {
    this.#context = context
    this.#recoveryPoint = recoveryPoint
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
      if (!whole) {
        for (const later of this.#segments.dropAfter(i + 1)) later.remove()
        return
      }
      if (next === undefined) return
      segment.nextOffset = next.baseOffset
      segment.seal()
    }
  }

  /** Answers false when the segment was cut: what comes after it is lost. */
  #recoverSegment(segment: Segment, endOffset: number): boolean {
    const { size: fileSize } = segment
    segment.resetIndexes()
    segment.transactions.file.reset()
    segment.size = 0
    segment.nextOffset = segment.baseOffset
    const visit = (buf: Buffer, at: number, position: number): boolean => {
      // Synced offsets do not vanish: a batch that leaves them out has another offset than it was written with.
      if (segment.nextOffset < this.#recoveryPoint && batch.baseOffset(buf, at) >= this.#recoveryPoint) return false
      this.#take(segment, buf, at, position)
      return true
    }
    let from = 0
    for (;;) {
      const end = segment.scan({ from, to: fileSize, minOffset: segment.nextOffset, maxOffset: endOffset, verify: true, visit })
      segment.verified(from, end.position)
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
    const { topic, partition } = this.#context
    const file = segment.log.path
    const fields = { topic, partition, file, position, bytes: fileSize - position, nextOffset: segment.nextOffset }
    this.#context.logger.warn(fields, 'the log ends in a batch that was not written to its end: cut off')
    segment.truncate(position, segment.nextOffset)
  }

  #report(segment: Segment, position: number, next: number): void {
    const { topic, partition } = this.#context
    const fields = { topic, partition, file: segment.log.path, position, bytes: next - position, offset: segment.nextOffset }
    this.#context.logger.error(fields, 'the disk has changed records that were synced: they are not served (CORRUPT_BATCH)')
  }
}
