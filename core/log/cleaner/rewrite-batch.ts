import * as batch from '../../record/batch.ts'
import type { RecordColumns } from '../../record/columns.ts'
import { compress } from '../../record/compression.ts'
import { compressionId } from '../../record/compression-names.ts'
import { writeInt64 } from '../../record/int64.ts'
import { nextPosition, putVarint, putVarlong, readVarint, readVarlong, varlongSize } from '../../record/varint.ts'

const { BATCH_OVERHEAD, BatchField, LOG_OVERHEAD } = batch
/** Attributes 1, timestamp 10, offset 5, length 5. */
const RECORD_HEAD_BYTES_MAX = 21

/** The records of a batch that stay, by number, ascending; and the delete horizon that it shall have, -1 for none. */
export interface Kept {
  readonly records: Int32Array
  readonly count: number
  readonly deleteHorizon: number
}

/**
 * The batch at `at` with only the records in `kept`, which are at least one. Offsets, times, producer, epoch and compression stay as they were; where the
 * horizon is new, it takes the place of the base timestamp (KIP-534).
 */
export function rewriteBatch(buf: Buffer, at: number, columns: RecordColumns, kept: Kept): Buffer {
  const { deleteHorizon } = kept
  const isNew = deleteHorizon >= 0 && !batch.hasDeleteHorizon(buf, at)
  const compression = batch.compressionOf(buf, at)
  const bounds = recordBounds(columns, compression === 'none' ? at + BATCH_OVERHEAD : 0)
  const records = isNew ? copyWithHorizon(columns, bounds, kept) : copyRecords(columns, bounds, kept)
  const result =
    compression === 'none'
      ? records
      : Buffer.concat([records.subarray(0, BATCH_OVERHEAD), compress(compression, records.subarray(BATCH_OVERHEAD))])
  let newest = batch.NO_TIMESTAMP
  for (let i = 0; i < kept.count; i++) newest = Math.max(newest, columns.timestamp(kept.records[i]!))
  buf.copy(result, 0, at, at + BATCH_OVERHEAD)
  result.writeInt32BE(result.length - LOG_OVERHEAD, BatchField.length)
  if (isNew) {
    result.writeInt16BE(batch.attributes(buf, at) | batch.Attribute.deleteHorizon, BatchField.attributes)
    writeInt64(result, BatchField.baseTimestamp, deleteHorizon)
  }
  writeInt64(result, BatchField.maxTimestamp, newest)
  result.writeInt32BE(kept.count, BatchField.recordCount)
  batch.sealBatch(result, 0)
  return result
}

/** The header of the batch at `at` alone: it holds the place of its offsets, and the producer's last sequence. Kafka's `writeEmptyHeader`. */
export function emptyBatch(buf: Buffer, at: number): Buffer {
  const result = Buffer.from(buf.subarray(at, at + BATCH_OVERHEAD))
  const { compressionMask, deleteHorizon } = batch.Attribute
  result.writeInt32BE(BATCH_OVERHEAD - LOG_OVERHEAD, BatchField.length)
  result.writeInt16BE((batch.attributes(buf, at) & ~(compressionMask | deleteHorizon)) | compressionId('none'), BatchField.attributes)
  writeInt64(result, BatchField.baseTimestamp, batch.NO_TIMESTAMP)
  result.writeInt32BE(0, BatchField.recordCount)
  batch.sealBatch(result, 0)
  return result
}

/** Where each record begins, and behind them where the last one ends. */
function recordBounds({ buffer, count }: RecordColumns, start: number): Int32Array {
  const bounds = new Int32Array(count + 1)
  bounds[0] = start
  for (let i = 0; i < count; i++) {
    const length = readVarint(buffer, bounds[i]!, buffer.length)
    bounds[i + 1] = nextPosition + length
  }
  return bounds
}

/** The bytes of the records as they are, room for a header before them. */
function copyRecords({ buffer }: RecordColumns, bounds: Int32Array, { records, count }: Kept): Buffer {
  let size = BATCH_OVERHEAD
  for (let i = 0; i < count; i++) size += bounds[records[i]! + 1]! - bounds[records[i]!]!
  const result = Buffer.allocUnsafe(size)
  let to = BATCH_OVERHEAD
  for (let i = 0; i < count;) {
    // Neighbours go in one copy.
    const start = bounds[records[i]!]!
    let last = i
    while (last + 1 < count && records[last + 1] === records[last]! + 1) last++
    to += buffer.copy(result, to, start, bounds[records[last]! + 1]!)
    i = last + 1
  }
  return result
}

/** The same, with times that count from the horizon. */
function copyWithHorizon(columns: RecordColumns, bounds: Int32Array, { records, count, deleteHorizon }: Kept): Buffer {
  const { buffer } = columns
  let bound = BATCH_OVERHEAD
  for (let i = 0; i < count; i++) bound += bounds[records[i]! + 1]! - bounds[records[i]!]! + RECORD_HEAD_BYTES_MAX
  const result = Buffer.allocUnsafe(bound)
  let to = BATCH_OVERHEAD
  for (let i = 0; i < count; i++) {
    const record = records[i]!
    const end = bounds[record + 1]!
    readVarint(buffer, bounds[record]!, end)
    const attributes = buffer[nextPosition]!
    readVarlong(buffer, nextPosition + 1, end)
    const rest = nextPosition
    const delta = columns.timestamp(record) - deleteHorizon
    to = putVarint(result, to, 1 + varlongSize(delta) + end - rest)
    result[to++] = attributes
    to = putVarlong(result, to, delta)
    to += buffer.copy(result, to, rest, end)
  }
  return result.subarray(0, to)
}
