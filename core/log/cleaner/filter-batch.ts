import * as batch from '../../record/batch.ts'
import { decodeBatch } from '../../record/columns.ts'
import type { AbortedTransaction } from '../transaction-index.ts'
import type { OffsetMap } from './offset-map.ts'
import { emptyBatch, rewriteBatch } from './rewrite-batch.ts'
import type { CleanedTransactions } from './transactions.ts'

/** What one cleaning of a log goes by. */
export interface CleaningRules {
  readonly newest: OffsetMap
  /** The map knows all records below; those from here on stay. */
  readonly mapEnd: number
  /** Milliseconds since 1970, the same for the whole cleaning. */
  readonly now: number
  readonly deleteRetentionMs: number
  readonly transactions: CleanedTransactions
  /** What the log knows of its producers: their last batches stay, so that their sequences do. */
  readonly producers: ReadonlyMap<number, LastOfProducer>
}

export interface LastOfProducer {
  readonly epoch: number
  /** Of the last batch of records in this epoch, -1 for none. */
  readonly lastOffset: number
}

/** What becomes of a batch. */
export interface Filtered {
  /** `whole`: as it is. `changed`: {@link Filtered.bytes}. `gone`: nothing is left of it. */
  readonly outcome: 'whole' | 'changed' | 'gone'
  readonly bytes: Buffer | undefined
  readonly recordsKept: number
  /** A marker of an aborted transaction that stays: what the index says of it. */
  readonly aborted: AbortedTransaction | undefined
}

/**
 * Decides which records of a batch stay: the newest of each key, tombstones and markers until their horizon, nothing that was aborted.
 * Called for every batch of a log in order. Kafka's `Cleaner.cleanInto` and `shouldRetainRecord`.
 *
 * @param holdsPlace the batch ends a file: when no record stays its header does, so that every file ends with its last offset
 */
export function filterBatch(buf: Buffer, at: number, rules: CleaningRules, holdsPlace: boolean): Filtered {
  return batch.isControl(buf, at) ? filterMarker(buf, at, rules, holdsPlace) : filterRecords(buf, at, rules, holdsPlace)
}

function filterMarker(buf: Buffer, at: number, rules: CleaningRules, holdsPlace: boolean): Filtered {
  const { ends, aborted } = rules.transactions.marker(buf, at)
  const count = batch.recordCount(buf, at)
  if (count === 0 || (!ends && isPastHorizon(buf, at, rules.now))) return withoutRecords(buf, at, rules, holdsPlace, aborted)
  if (ends || batch.hasDeleteHorizon(buf, at)) return { outcome: 'whole', bytes: undefined, recordsKept: count, aborted }
  const records = Int32Array.from({ length: count }, (_, i) => i)
  const kept = { records, count, deleteHorizon: rules.now + rules.deleteRetentionMs }
  return { outcome: 'changed', bytes: rewriteBatch(buf, at, decodeBatch(buf, at), kept), recordsKept: count, aborted }
}

function filterRecords(buf: Buffer, at: number, rules: CleaningRules, holdsPlace: boolean): Filtered {
  const aborted = rules.transactions.batch(buf, at)
  if (aborted || batch.recordCount(buf, at) === 0) return withoutRecords(buf, at, rules, holdsPlace, undefined)
  const { newest, mapEnd, now, deleteRetentionMs } = rules
  const columns = decodeBatch(buf, at)
  const { buffer, count, keyStart, keyLength, valueLength } = columns
  const tombstonesGo = isPastHorizon(buf, at, now)
  const records = new Int32Array(count)
  let kept = 0
  let tombstones = false
  for (let i = 0; i < count; i++) {
    const offset = columns.offset(i)
    const isTombstone = valueLength[i]! < 0
    if (offset < mapEnd) {
      if (keyLength[i]! < 0 || (isTombstone && tombstonesGo)) continue
      if (offset < newest.get(buffer, keyStart[i]!, keyLength[i]!)) continue
    }
    tombstones ||= isTombstone
    records[kept++] = i
  }
  if (kept === 0) return withoutRecords(buf, at, rules, holdsPlace, undefined)
  const deleteHorizon = tombstones && !batch.hasDeleteHorizon(buf, at) ? now + deleteRetentionMs : -1
  if (kept === count && deleteHorizon < 0) return { outcome: 'whole', bytes: undefined, recordsKept: count, aborted: undefined }
  const bytes = rewriteBatch(buf, at, columns, { records, count: kept, deleteHorizon })
  return { outcome: 'changed', bytes, recordsKept: kept, aborted: undefined }
}

function withoutRecords(
  buf: Buffer,
  at: number,
  rules: CleaningRules,
  holdsPlace: boolean,
  aborted: AbortedTransaction | undefined,
): Filtered {
  if (!holdsPlace && !isLastOfProducer(buf, at, rules)) return { outcome: 'gone', bytes: undefined, recordsKept: 0, aborted: undefined }
  if (batch.recordCount(buf, at) === 0) return { outcome: 'whole', bytes: undefined, recordsKept: 0, aborted }
  return { outcome: 'changed', bytes: emptyBatch(buf, at), recordsKept: 0, aborted }
}

function isPastHorizon(buf: Buffer, at: number, now: number): boolean {
  return batch.hasDeleteHorizon(buf, at) && batch.baseTimestamp(buf, at) <= now
}

/** Its last batch of records; when only a marker carries the producer's epoch, that one. */
function isLastOfProducer(buf: Buffer, at: number, { producers }: CleaningRules): boolean {
  const last = producers.get(batch.producerId(buf, at))
  if (last === undefined) return false
  if (last.lastOffset >= 0) return batch.lastOffset(buf, at) === last.lastOffset
  return batch.isControl(buf, at) && batch.producerEpoch(buf, at) === last.epoch
}
