import { crc32c } from '../base/crc32c.ts'
import { MoldauError } from '../base/errors.ts'
import { type CompressionName, compressionNames } from './compression-names.ts'
import { readInt64, writeInt64 } from './int64.ts'

/**
 * The header of a record batch (magic 2), read and written in place at any position of a buffer, without an object per batch.
 * The caller has made sure that the bytes are there: {@link LOG_OVERHEAD} for {@link sizeInBytes}, {@link BATCH_OVERHEAD} for the
 * rest ({@link checkBatch} does so). `org.apache.kafka.common.record.DefaultRecordBatch` defines the layout.
 */

/** Bytes of the header; the records follow. */
export const BATCH_OVERHEAD = 61
/** Bytes before the part that the length field counts: base offset and length. */
export const LOG_OVERHEAD = 12
/** The version of the format that moldau reads and writes. */
export const MAGIC = 2
/** In a batch of no idempotent producer. */
export const NO_PRODUCER_ID = -1
export const NO_PRODUCER_EPOCH = -1
export const NO_SEQUENCE = -1
export const NO_TIMESTAMP = -1

/** Where the fields stand, in bytes from the start of the batch. */
export const BatchField = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const

/** The bits of the attributes. */
export const Attribute = {
  compressionMask: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
  deleteHorizon: 0x40,
} as const

const SEQUENCE_MAX = 0x7fffffff

export const baseOffset = (buf: Buffer, at: number): number => readInt64(buf, at)
/** Bytes of the whole batch, header included. */
export const sizeInBytes = (buf: Buffer, at: number): number => LOG_OVERHEAD + buf.readInt32BE(at + BatchField.length)
export const leaderEpoch = (buf: Buffer, at: number): number => buf.readInt32BE(at + BatchField.leaderEpoch)
export const magic = (buf: Buffer, at: number): number => buf.readInt8(at + BatchField.magic)
/** The checksum that the batch claims, unsigned. It covers everything from the attributes on. */
export const crcOf = (buf: Buffer, at: number): number => buf.readUInt32BE(at + BatchField.crc)
export const attributes = (buf: Buffer, at: number): number => buf.readInt16BE(at + BatchField.attributes)
export const lastOffsetDelta = (buf: Buffer, at: number): number => buf.readInt32BE(at + BatchField.lastOffsetDelta)
export const lastOffset = (buf: Buffer, at: number): number => baseOffset(buf, at) + lastOffsetDelta(buf, at)
/** The offset after this batch; compaction keeps it even when it removes the last records. */
export const nextOffset = (buf: Buffer, at: number): number => lastOffset(buf, at) + 1
/** What the timestamp deltas count from; the delete horizon where {@link hasDeleteHorizon}. */
export const baseTimestamp = (buf: Buffer, at: number): number => readInt64(buf, at + BatchField.baseTimestamp)
export const maxTimestamp = (buf: Buffer, at: number): number => readInt64(buf, at + BatchField.maxTimestamp)
/** The same, but -1 for a batch that compaction has emptied: no record has that time any more. */
export const newestTimestamp = (buf: Buffer, at: number): number => (recordCount(buf, at) === 0 ? NO_TIMESTAMP : maxTimestamp(buf, at))
export const producerId = (buf: Buffer, at: number): number => readInt64(buf, at + BatchField.producerId)
export const producerEpoch = (buf: Buffer, at: number): number => buf.readInt16BE(at + BatchField.producerEpoch)
export const baseSequence = (buf: Buffer, at: number): number => buf.readInt32BE(at + BatchField.baseSequence)
export const recordCount = (buf: Buffer, at: number): number => buf.readInt32BE(at + BatchField.recordCount)
/** Compaction has removed records: fewer are left than there are offsets. */
export const hasHoles = (buf: Buffer, at: number): boolean => lastOffsetDelta(buf, at) + 1 !== recordCount(buf, at)

/** The sequence of the last record, or -1 in a batch of no idempotent producer. */
export function lastSequence(buf: Buffer, at: number): number {
  const first = baseSequence(buf, at)
  return first === NO_SEQUENCE ? NO_SEQUENCE : addSequence(first, lastOffsetDelta(buf, at))
}

/** Sequences run from 0 to 2^31 - 1 and begin again. */
export function addSequence(sequence: number, increment: number): number {
  return sequence > SEQUENCE_MAX - increment ? increment - (SEQUENCE_MAX - sequence) - 1 : sequence + increment
}

export const isTransactional = (buf: Buffer, at: number): boolean => (attributes(buf, at) & Attribute.transactional) !== 0
export const isControl = (buf: Buffer, at: number): boolean => (attributes(buf, at) & Attribute.control) !== 0
export const hasDeleteHorizon = (buf: Buffer, at: number): boolean => (attributes(buf, at) & Attribute.deleteHorizon) !== 0

/** Who set the timestamps: the producer, or the log when it appended the batch (then all records carry {@link maxTimestamp}). */
export function timestampType(buf: Buffer, at: number): 'CreateTime' | 'LogAppendTime' {
  return (attributes(buf, at) & Attribute.logAppendTime) === 0 ? 'CreateTime' : 'LogAppendTime'
}

/** How the records are compressed. CORRUPT_BATCH for a number that Kafka has not given out. */
export function compressionOf(buf: Buffer, at: number): CompressionName {
  const id = attributes(buf, at) & Attribute.compressionMask
  const name = compressionNames[id]
  if (name === undefined)
    throw new MoldauError('CORRUPT_BATCH', `record batch: compression ${id} is unknown (0 to 4 are none, gzip, snappy, lz4, zstd)`)
  return name
}

/** Outside the checksum: the log assigns offsets without touching it. */
export function setBaseOffset(buf: Buffer, at: number, offset: number): void {
  writeInt64(buf, at, offset)
}

/** Outside the checksum too. */
export function setLeaderEpoch(buf: Buffer, at: number, epoch: number): void {
  buf.writeInt32BE(epoch, at + BatchField.leaderEpoch)
}

/** Writes attributes and the largest timestamp, and the checksum when they were others: both stand under it. */
export function setTimes(buf: Buffer, at: number, newAttributes: number, timestamp: number): void {
  if (attributes(buf, at) === newAttributes && maxTimestamp(buf, at) === timestamp) return
  buf.writeInt16BE(newAttributes, at + BatchField.attributes)
  writeInt64(buf, at + BatchField.maxTimestamp, timestamp)
  sealBatch(buf, at)
}

/** Writes the checksum over the batch as it stands. */
export function sealBatch(buf: Buffer, at: number): void {
  buf.writeInt32BE(checksum(buf, at) | 0, at + BatchField.crc)
}

/**
 * Whether `buf[at, end)` begins with a whole, undamaged batch. `truncated`: more bytes are needed to tell; `corrupt`: the length,
 * the magic or the checksum is wrong. Records are not decoded: {@link decodeBatch} checks what is inside.
 */
export function checkBatch(buf: Buffer, at: number, end: number): 'ok' | 'truncated' | 'corrupt' {
  if (end - at < LOG_OVERHEAD) return 'truncated'
  const size = sizeInBytes(buf, at)
  if (size < BATCH_OVERHEAD) return 'corrupt'
  if (end - at > BatchField.magic && magic(buf, at) !== MAGIC) return 'corrupt'
  if (end - at < size) return 'truncated'
  return checksum(buf, at) === crcOf(buf, at) ? 'ok' : 'corrupt'
}

function checksum(buf: Buffer, at: number): number {
  return crc32c(buf, at + BatchField.attributes, at + sizeInBytes(buf, at))
}
