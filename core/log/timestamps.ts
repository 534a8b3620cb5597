import * as batch from '../record/batch.ts'
import { decodeBatch } from '../record/columns.ts'
import { WALK_BYTES } from './scan.ts'
import type { Segment } from './segment.ts'
import type { Segments } from './segments.ts'

export interface FoundTimestamp {
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
}

/** The first record from `startOffset` on with a timestamp of at least `timestamp` (ListOffsets). */
export function findTimestamp(segments: Segments, timestamp: number, startOffset: number): FoundTimestamp | undefined {
  for (const segment of segments.from(startOffset)) {
    if (segment.maxTimestamp < timestamp) continue
    // No record up to that entry is as new.
    const known = trustedEntry(segment, timestamp)
    const found = search(segment, Math.max(known, startOffset, segment.baseOffset), timestamp)
    if (found !== undefined) return found
  }
  return undefined
}

/** The first record from `startOffset` on that has the largest timestamp. */
export function newestTimestamp(segments: Segments, startOffset: number): FoundTimestamp | undefined {
  // Compaction leaves batches without records behind, which keep the time of what they had: then the index knows too much.
  return newest(segments, startOffset, false) ?? newest(segments, startOffset, true)
}

function newest(segments: Segments, startOffset: number, exact: boolean): FoundTimestamp | undefined {
  let best: Segment | undefined
  let timestamp = -1
  for (const segment of segments.from(startOffset)) {
    const candidate = exact ? largestRecord(segment, startOffset) : largestFrom(segment, startOffset)
    if (candidate <= timestamp) continue
    best = segment
    timestamp = candidate
  }
  return best === undefined ? undefined : search(best, Math.max(startOffset, best.baseOffset), timestamp)
}

/** The index knows the largest timestamp of a whole segment only: one that begins below the start is gone through. */
function largestFrom(segment: Segment, startOffset: number): number {
  return segment.baseOffset >= startOffset ? segment.maxTimestamp : largestRecord(segment, startOffset)
}

function largestRecord(segment: Segment, startOffset: number): number {
  let largest = -1
  segment.scan({
    from: segment.finder.position(startOffset),
    skipped: () => {},
    visit(buf, at, position) {
      if (batch.maxTimestamp(buf, at) <= largest || batch.recordCount(buf, at) === 0) return
      if (batch.baseOffset(buf, at) >= startOffset) largest = batch.maxTimestamp(buf, at)
      else {
        const columns = decodeBatch(segment.reader.batchAt(position, batch.sizeInBytes(buf, at)), 0)
        for (let i = 0; i < columns.count; i++) if (columns.offset(i) >= startOffset) largest = Math.max(largest, columns.timestamp(i))
      }
    },
  })
  return largest
}

/** The offset of the last index entry older than `timestamp`, after a look at the batch that it speaks of. */
function trustedEntry(segment: Segment, timestamp: number): number {
  segment.loadIndexes()
  const entry = segment.indexes.times.lookup(timestamp - 1)
  if (entry === undefined) return segment.baseOffset
  if (segment.finder.timeHolds(entry)) return entry.offset
  segment.rebuildIndexes()
  return segment.indexes.times.lookup(timestamp - 1)?.offset ?? segment.baseOffset
}

function search(segment: Segment, from: number, timestamp: number): FoundTimestamp | undefined {
  let found: FoundTimestamp | undefined
  segment.scan({
    from: segment.finder.position(from),
    chunkBytes: WALK_BYTES,
    skipped: () => {},
    visit(buf, at, position) {
      if (batch.maxTimestamp(buf, at) < timestamp) return true
      found = inBatch(segment.reader.batchAt(position, batch.sizeInBytes(buf, at)), from, timestamp)
      return found === undefined
    },
  })
  return found
}

function inBatch(buf: Buffer, from: number, timestamp: number): FoundTimestamp | undefined {
  const columns = decodeBatch(buf, 0)
  for (let i = 0; i < columns.count; i++) {
    if (columns.timestamp(i) < timestamp || columns.offset(i) < from) continue
    return { offset: columns.offset(i), timestamp: columns.timestamp(i), leaderEpoch: batch.leaderEpoch(buf, 0) }
  }
  return undefined
}
