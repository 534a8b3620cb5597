import * as batch from './batch.ts'
import { decompress } from './compression.ts'
import type { Header } from './header.ts'
import { nextPosition, readVarint, readVarlong } from './varint.ts'
import { RECORD_BYTES_MIN, corrupt, walkHeaders } from './walk.ts'

/** What a batch may grow to by decompression, unless the caller says otherwise. */
export const DECOMPRESSED_BYTES_MAX = 128 * 1024 * 1024

/**
 * The records of one batch, decoded into columns: where each key and value begins and how long it is. No object is made per record;
 * `key(i)` and `value(i)` return views of {@link RecordColumns.buffer}, which live as long as that buffer is not reused.
 */
export class RecordColumns {
  /** What the positions refer to: the batch's own buffer, or the decompressed records. */
  readonly buffer: Buffer
  readonly count: number
  readonly baseOffset: number
  /** Relative to {@link RecordColumns.baseOffset}, increasing; compaction leaves gaps. */
  readonly offsets: Int32Array
  /** Milliseconds since 1970, -1 for none. */
  readonly timestamps: Float64Array
  readonly keyStart: Int32Array
  /** -1: the key is null. */
  readonly keyLength: Int32Array
  readonly valueStart: Int32Array
  /** -1: the value is null. */
  readonly valueLength: Int32Array
  /** Position of the number of headers. */
  readonly headersStart: Int32Array

  constructor(buffer: Buffer, count: number, baseOffset: number) {
    // One allocation for all columns: eight bytes per timestamp, four per other field.
    const memory = new ArrayBuffer(count * 32)
    this.buffer = buffer
    this.count = count
    this.baseOffset = baseOffset
    this.timestamps = new Float64Array(memory, 0, count)
    this.offsets = new Int32Array(memory, count * 8, count)
    this.keyStart = new Int32Array(memory, count * 12, count)
    this.keyLength = new Int32Array(memory, count * 16, count)
    this.valueStart = new Int32Array(memory, count * 20, count)
    this.valueLength = new Int32Array(memory, count * 24, count)
    this.headersStart = new Int32Array(memory, count * 28, count)
  }

  offset(i: number): number {
    return this.baseOffset + this.offsets[i]!
  }

  timestamp(i: number): number {
    return this.timestamps[i]!
  }

  key(i: number): Buffer | null {
    const length = this.keyLength[i]!
    if (length < 0) return null
    const start = this.keyStart[i]!
    return this.buffer.subarray(start, start + length)
  }

  value(i: number): Buffer | null {
    const length = this.valueLength[i]!
    if (length < 0) return null
    const start = this.valueStart[i]!
    return this.buffer.subarray(start, start + length)
  }

  headers(i: number): Header[] {
    const { buffer } = this
    const headers: Header[] = []
    const count = readVarint(buffer, this.headersStart[i]!, buffer.length)
    let at = nextPosition
    for (let h = 0; h < count; h++) {
      const keyLength = readVarint(buffer, at, buffer.length)
      const valueAt = nextPosition + keyLength
      const key = buffer.toString('utf8', nextPosition, valueAt)
      const valueLength = readVarint(buffer, valueAt, buffer.length)
      at = nextPosition + Math.max(valueLength, 0)
      headers.push({ key, value: valueLength < 0 ? null : buffer.subarray(nextPosition, at) })
    }
    return headers
  }
}

/**
 * Decodes the batch at `at`: decompresses it when needed, then one pass over its records. All lengths, counts and offsets are checked
 * against the bytes that are there; the checksum is not ({@link batch.checkBatch} does that).
 *
 * @param decompressedBytesMax what the records may grow to, default {@link DECOMPRESSED_BYTES_MAX}
 * @throws CORRUPT_BATCH naming what is wrong
 */
export function decodeBatch(buf: Buffer, at: number, decompressedBytesMax = DECOMPRESSED_BYTES_MAX): RecordColumns {
  if (buf.length - at < batch.BATCH_OVERHEAD) throw corrupt(`${buf.length - at} bytes are less than a header (${batch.BATCH_OVERHEAD})`)
  const size = batch.sizeInBytes(buf, at)
  if (size < batch.BATCH_OVERHEAD) throw corrupt(`its length field says ${size} bytes, less than a header (${batch.BATCH_OVERHEAD})`)
  if (size > buf.length - at) throw corrupt(`its length field says ${size} bytes, ${buf.length - at} are there`)
  if (batch.magic(buf, at) !== batch.MAGIC)
    throw corrupt(`magic ${batch.magic(buf, at)} is not supported, only ${batch.MAGIC} (Kafka 0.11 or later)`)
  const compression = batch.compressionOf(buf, at)
  if (compression === 'none') return decodeRecords(buf, at, buf, at + batch.BATCH_OVERHEAD, at + size)
  const records = decompress(compression, buf.subarray(at + batch.BATCH_OVERHEAD, at + size), decompressedBytesMax)
  return decodeRecords(buf, at, records, 0, records.length)
}

/** Records of the batch whose header stands at `headerAt` of `header`; they fill `buffer[start, end)`. */
function decodeRecords(header: Buffer, headerAt: number, buffer: Buffer, start: number, end: number): RecordColumns {
  const count = batch.recordCount(header, headerAt)
  if (count < 0 || count * RECORD_BYTES_MIN > end - start) throw corrupt(`it claims ${count} records in ${end - start} bytes`)
  const columns = new RecordColumns(buffer, count, batch.baseOffset(header, headerAt))
  const { offsets, timestamps, keyStart, keyLength, valueStart, valueLength, headersStart } = columns
  const lastOffsetDelta = batch.lastOffsetDelta(header, headerAt)
  const baseTimestamp = batch.baseTimestamp(header, headerAt)
  let previous = -1
  let at = start
  for (let i = 0; i < count; i++) {
    const length = readVarint(buffer, at, end)
    at = nextPosition
    const recordEnd = at + length
    if (length < RECORD_BYTES_MIN - 1 || recordEnd > end) throw corrupt(`record ${i} claims ${length} bytes, ${end - at} are left`)
    at++ // the attributes of a record are unused
    timestamps[i] = baseTimestamp + readVarlong(buffer, at, recordEnd)
    const offset = readVarint(buffer, nextPosition, recordEnd)
    if (offset <= previous || offset > lastOffsetDelta)
      throw corrupt(`record ${i} has offset delta ${offset} after ${previous}, the last is ${lastOffsetDelta}`)
    offsets[i] = previous = offset
    const keyBytes = readVarint(buffer, nextPosition, recordEnd)
    at = nextPosition
    if (keyBytes < -1 || keyBytes > recordEnd - at)
      throw corrupt(`the key of record ${i} claims ${keyBytes} bytes, ${recordEnd - at} are left`)
    keyStart[i] = at
    keyLength[i] = keyBytes
    if (keyBytes > 0) at += keyBytes
    const valueBytes = readVarint(buffer, at, recordEnd)
    at = nextPosition
    if (valueBytes < -1 || valueBytes > recordEnd - at)
      throw corrupt(`the value of record ${i} claims ${valueBytes} bytes, ${recordEnd - at} are left`)
    valueStart[i] = at
    valueLength[i] = valueBytes
    if (valueBytes > 0) at += valueBytes
    headersStart[i] = at
    // So that reading them later needs no checks.
    if (at < recordEnd && buffer[at] === 0) at++
    else at = walkHeaders(buffer, at, recordEnd, i)
    if (at !== recordEnd) throw corrupt(`record ${i} ends ${recordEnd - at} bytes before its length says`)
  }
  if (at !== end) throw corrupt(`${end - at} bytes follow the last of its ${count} records`)
  if (batch.timestampType(header, headerAt) === 'LogAppendTime') timestamps.fill(batch.maxTimestamp(header, headerAt))
  return columns
}
