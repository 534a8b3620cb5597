import { crc32, gzipSync } from 'node:zlib'

import { Attribute, BATCH_OVERHEAD, BatchField, LOG_OVERHEAD, sealBatch } from '../../core/record/batch.ts'
import { compress } from '../../core/record/compression.ts'
import { type CompressionName, compressionId } from '../../core/record/compression-names.ts'
import { putVarint, putVarlong } from '../../core/record/varint.ts'

/**
 * Record batches as no good producer sends them, and good ones at the edge of what is allowed: sent to a real Kafka and to our broker,
 * they must be answered alike.
 */

export type OddTopic = 'plain' | 'compacted' | 'append-time' | 'small' | 'past' | 'recompressed'

/** The settings of the topics that the cases are sent to. */
export const oddTopics: Readonly<Record<OddTopic, Record<string, string>>> = {
  plain: {},
  compacted: { 'cleanup.policy': 'compact' },
  'append-time': { 'message.timestamp.type': 'LogAppendTime' },
  small: { 'max.message.bytes': '1000' },
  past: { 'message.timestamp.before.max.ms': '60000' },
  recompressed: { 'compression.type': 'lz4' },
}

export interface OddBatch {
  readonly name: string
  readonly records: Buffer
  readonly topic?: OddTopic
  readonly version?: number
  readonly transactionalId?: string
}

export const DAY = 86_400_000

interface RawRecord {
  attributes?: number
  timestampDelta?: number
  offsetDelta?: number
  key?: Buffer | null
  value?: Buffer | null
  keyLength?: number
  valueLength?: number
  headerCount?: number
  headers?: Buffer
  /** Added to the length that is written before the record. */
  lengthError?: number
}

/** One record, field by field, each of which may be a lie. */
export function rawRecord(fields: RawRecord = {}): Buffer {
  const { attributes = 0, timestampDelta = 0, offsetDelta = 0, key = null, value = Buffer.from('value') } = fields
  const body = Buffer.alloc(128 + (key?.length ?? 0) + (value?.length ?? 0) + (fields.headers?.length ?? 0))
  body[0] = attributes
  let at = putVarlong(body, 1, timestampDelta)
  at = putVarint(body, at, offsetDelta)
  at = putVarint(body, at, fields.keyLength ?? (key === null ? -1 : key.length))
  if (key !== null) at += key.copy(body, at)
  at = putVarint(body, at, fields.valueLength ?? (value === null ? -1 : value.length))
  if (value !== null) at += value.copy(body, at)
  at = putVarint(body, at, fields.headerCount ?? 0)
  if (fields.headers !== undefined) at += fields.headers.copy(body, at)
  const length = Buffer.alloc(5)
  return Buffer.concat([length.subarray(0, putVarint(length, 0, at + (fields.lengthError ?? 0))), body.subarray(0, at)])
}

export interface RawHeader {
  count?: number
  lastOffsetDelta?: number
  baseOffset?: number
  attributes?: number
  baseTimestamp?: number | bigint
  maxTimestamp?: number | bigint
  producerId?: number | bigint
  producerEpoch?: number
  baseSequence?: number
  magic?: number
  compression?: CompressionName
  /** The bytes after the header, instead of the compressed records. */
  payload?: Buffer
}

/** A batch around records, with a checksum that is right for whatever the header says. */
export function rawBatch(records: readonly Buffer[], header: RawHeader = {}): Buffer {
  const { compression = 'none', count = records.length } = header
  const payload = header.payload ?? compress(compression, Buffer.concat(records))
  const batch = Buffer.concat([Buffer.alloc(BATCH_OVERHEAD), payload])
  const now = BigInt(Date.now())
  batch.writeBigInt64BE(BigInt(header.baseOffset ?? 0), BatchField.baseOffset)
  batch.writeInt32BE(batch.length - LOG_OVERHEAD, BatchField.length)
  batch.writeInt32BE(-1, BatchField.leaderEpoch)
  batch.writeInt8(header.magic ?? 2, BatchField.magic)
  batch.writeInt16BE((header.attributes ?? 0) | compressionId(compression), BatchField.attributes)
  batch.writeInt32BE(header.lastOffsetDelta ?? count - 1, BatchField.lastOffsetDelta)
  batch.writeBigInt64BE(BigInt(header.baseTimestamp ?? now), BatchField.baseTimestamp)
  batch.writeBigInt64BE(BigInt(header.maxTimestamp ?? header.baseTimestamp ?? now), BatchField.maxTimestamp)
  batch.writeBigInt64BE(BigInt(header.producerId ?? -1), BatchField.producerId)
  batch.writeInt16BE(header.producerEpoch ?? -1, BatchField.producerEpoch)
  batch.writeInt32BE(header.baseSequence ?? -1, BatchField.baseSequence)
  batch.writeInt32BE(count, BatchField.recordCount)
  sealBatch(batch, 0)
  return batch
}

/** A message of format 0 or 1. */
export function oldMessage(magic: number, value: string): Buffer {
  const time = magic === 0 ? 0 : 8
  const body = Buffer.from(value)
  const message = Buffer.alloc(12 + 14 + time + body.length)
  message.writeInt32BE(message.length - 12, 8)
  message[16] = magic
  if (magic === 1) message.writeBigInt64BE(BigInt(Date.now()), 18)
  message.writeInt32BE(-1, 18 + time)
  message.writeInt32BE(body.length, 22 + time)
  body.copy(message, 26 + time)
  message.writeUInt32BE(crc32(message.subarray(16)), 12)
  return message
}

function flipped(batch: Buffer, at: number): Buffer {
  batch[at]! ^= 0x40
  return batch
}

function header(key: Buffer, keyLength: number, valueLength: number): Buffer {
  const bytes = Buffer.alloc(16 + key.length)
  let at = putVarint(bytes, 0, keyLength)
  at += key.copy(bytes, at)
  return bytes.subarray(0, putVarint(bytes, at, valueLength))
}

/** Made anew for each broker: a broker in the same process writes into what it is sent. */
export function oddBatches(now: number): OddBatch[] {
  const one = (record: RawRecord = {}, batch: RawHeader = {}): Buffer => rawBatch([rawRecord(record)], { baseTimestamp: now, ...batch })
  const numbered = (count: number, batch: RawHeader = {}): Buffer =>
    rawBatch(
      Array.from({ length: count }, (_, i) => rawRecord({ offsetDelta: i })),
      { baseTimestamp: now, ...batch },
    )
  const deltas = (offsets: readonly number[], batch: RawHeader = {}): Buffer =>
    rawBatch(
      offsets.map((offsetDelta) => rawRecord({ offsetDelta })),
      { baseTimestamp: now, ...batch },
    )
  const idempotent = { producerId: 4711, producerEpoch: 0, baseSequence: 0 }
  const codecs = ['gzip', 'snappy', 'lz4', 'zstd'] as const
  return [
    // Good ones.
    { name: 'a good batch', records: numbered(3) },
    ...codecs.map((compression) => ({ name: `a good batch, ${compression}`, records: numbered(3, { compression }) })),
    { name: 'no timestamps', records: one({}, { baseTimestamp: -1, maxTimestamp: -1 }) },
    { name: 'a null key and a null value', records: one({ value: null }) },
    { name: 'attributes of a record', records: one({ attributes: 7 }) },
    { name: 'a header', records: one({ headerCount: 1, headers: header(Buffer.from('k'), 1, 0) }) },
    { name: 'a header with a null value', records: one({ headerCount: 1, headers: header(Buffer.from('k'), 1, -1) }) },
    { name: 'an attribute that nobody knows', records: one({}, { attributes: 0x4000 }) },
    { name: 'the delete horizon', records: one({}, { attributes: Attribute.deleteHorizon }) },
    { name: 'a key on a compacted topic', topic: 'compacted', records: one({ key: Buffer.from('k') }) },
    { name: 'a key on a compacted topic, gzip', topic: 'compacted', records: one({ key: Buffer.from('k') }, { compression: 'gzip' }) },
    { name: 'a max timestamp that is not the largest', records: one({}, { maxTimestamp: now - DAY }) },
    { name: 'recompressed', topic: 'recompressed', records: numbered(3) },
    { name: 'recompressed from gzip', topic: 'recompressed', records: numbered(3, { compression: 'gzip' }) },

    // The frame.
    { name: 'nothing', records: Buffer.alloc(0) },
    { name: 'five bytes', records: Buffer.alloc(5) },
    { name: 'twenty bytes', records: Buffer.alloc(20) },
    { name: 'half a batch', records: numbered(3).subarray(0, 80) },
    { name: 'a batch and half of another', records: Buffer.concat([numbered(3), numbered(3).subarray(0, 70)]) },
    { name: 'two batches', records: Buffer.concat([numbered(1), numbered(1)]) },
    { name: 'a batch and a tail of zeros', records: Buffer.concat([numbered(1), Buffer.alloc(7)]) },
    { name: 'a wrong checksum', records: flipped(numbered(2), 70) },
    { name: 'a base offset', records: one({}, { baseOffset: 5 }) },
    { name: 'magic 3', records: one({}, { magic: 3 }) },
    { name: 'magic -1', records: one({}, { magic: -1 }) },
    { name: 'a message of format 0', records: oldMessage(0, 'old') },
    { name: 'a message of format 1', records: oldMessage(1, 'old') },
    { name: 'zstd in Produce 6', version: 6, records: numbered(1, { compression: 'zstd' }) },
    { name: 'compression 5', records: one({}, { attributes: 5 }) },
    { name: 'compression 7', records: one({}, { attributes: 7 }) },

    // Counts and offsets.
    { name: 'no records', records: numbered(0) },
    { name: 'no records, last offset delta 0', records: numbered(0, { lastOffsetDelta: 0 }) },
    { name: 'a negative count', records: numbered(1, { count: -1, lastOffsetDelta: 0 }) },
    { name: 'a count larger than the records', records: numbered(2, { count: 3 }) },
    { name: 'a count smaller than the records', records: numbered(3, { count: 2 }) },
    { name: 'a count larger than the records, gzip', records: numbered(2, { count: 3, compression: 'gzip' }) },
    { name: 'a count smaller than the records, gzip', records: numbered(3, { count: 2, compression: 'gzip' }) },
    { name: 'a last offset delta larger than the count', records: numbered(2, { lastOffsetDelta: 2 }) },
    { name: 'a negative last offset delta', records: numbered(1, { lastOffsetDelta: -1 }) },
    { name: 'a huge count', records: numbered(1, { count: 0x7fff_ffff }) },
    { name: 'a huge count, lz4', records: numbered(1, { count: 0x7fff_ffff, compression: 'lz4' }) },
    { name: 'offset deltas 0, 0', records: deltas([0, 0]) },
    { name: 'offset deltas 1, 0', records: deltas([1, 0]) },
    { name: 'offset deltas 0, 5', records: deltas([0, 5]) },
    { name: 'offset deltas 0, -1', records: deltas([0, -1]) },
    { name: 'offset deltas 0, 5, gzip', records: deltas([0, 5], { compression: 'gzip' }) },
    { name: 'offset deltas 1, 0, gzip', records: deltas([1, 0], { compression: 'gzip' }) },

    // Inside the records.
    { name: 'a record longer than the batch', records: one({ lengthError: 50 }) },
    { name: 'a record one byte longer than it is', records: one({ lengthError: 1 }) },
    { name: 'a record one byte shorter than it is', records: one({ lengthError: -1 }) },
    { name: 'a record of negative length', records: one({ lengthError: -500 }) },
    { name: 'a record longer than the batch, gzip', records: one({ lengthError: 50 }, { compression: 'gzip' }) },
    { name: 'a record one byte shorter than it is, gzip', records: one({ lengthError: -1 }, { compression: 'gzip' }) },
    { name: 'a key longer than the record', records: one({ key: Buffer.from('k'), keyLength: 1000 }) },
    { name: 'a key of length -2', records: one({ keyLength: -2 }) },
    { name: 'a value longer than the record', records: one({ valueLength: 1000 }) },
    { name: 'a value of length -2', records: one({ value: null, valueLength: -2 }) },
    { name: 'a value longer than the record, gzip', records: one({ valueLength: 1000 }, { compression: 'gzip' }) },
    { name: 'headers that are not there', records: one({ headerCount: 2 }) },
    { name: 'a negative number of headers', records: one({ headerCount: -1 }) },
    { name: 'a negative number of headers, gzip', records: one({ headerCount: -1 }, { compression: 'gzip' }) },
    { name: 'a header with a null key', records: one({ headerCount: 1, headers: header(Buffer.alloc(0), -1, 0) }) },
    { name: 'a header longer than the record', records: one({ headerCount: 1, headers: header(Buffer.from('k'), 1, 900) }) },
    { name: 'bytes in place of records', records: rawBatch([], { count: 1, baseTimestamp: now, payload: Buffer.alloc(40, 0xff) }) },
    ...codecs.map((compression) => ({
      name: `bytes in place of ${compression}`,
      records: rawBatch([], { count: 1, baseTimestamp: now, compression, payload: Buffer.alloc(40, 0x55) }),
    })),
    ...codecs.map((compression) => ({
      name: `${compression} that is cut off`,
      records: rawBatch([], {
        count: 200,
        baseTimestamp: now,
        compression,
        payload: compress(compression, Buffer.concat(Array.from({ length: 200 }, (_, i) => rawRecord({ offsetDelta: i })))).subarray(
          0,
          -20,
        ),
      }),
    })),
    {
      name: 'bytes behind the last record, gzip',
      records: rawBatch([], {
        count: 1,
        baseTimestamp: now,
        compression: 'gzip',
        payload: gzipSync(Buffer.concat([rawRecord(), Buffer.alloc(9)])),
      }),
    },
    { name: 'bytes behind the last record', records: rawBatch([rawRecord(), Buffer.alloc(9)], { count: 1, baseTimestamp: now }) },

    // Keys and times.
    { name: 'no key on a compacted topic', topic: 'compacted', records: one() },
    { name: 'no key on a compacted topic, zstd', topic: 'compacted', records: one({}, { compression: 'zstd' }) },
    {
      name: 'the third of three without a key',
      topic: 'compacted',
      records: rawBatch(
        [0, 1, 2].map((i) => rawRecord({ offsetDelta: i, key: i === 2 ? null : Buffer.from('k') })),
        { baseTimestamp: now },
      ),
    },
    { name: 'two hours ahead', records: one({}, { baseTimestamp: now + DAY / 12 }) },
    { name: 'two hours ahead in the record only', records: one({ timestampDelta: DAY / 12 }) },
    { name: 'two hours ahead, lz4', records: one({ timestampDelta: DAY / 12 }, { compression: 'lz4' }) },
    { name: 'two hours ahead in the header only', records: one({}, { maxTimestamp: now + DAY / 12 }) },
    { name: 'two hours ago, long past', topic: 'past', records: one({}, { baseTimestamp: now - DAY / 12 }) },
    { name: 'two hours ago in the record only', topic: 'past', records: one({ timestampDelta: -DAY / 12 }) },
    {
      name: 'two hours ago in the header only',
      topic: 'past',
      records: one({ timestampDelta: DAY / 12 }, { baseTimestamp: now - DAY / 12 }),
    },
    { name: 'two hours ahead where the log sets the time', topic: 'append-time', records: one({}, { baseTimestamp: now + DAY / 12 }) },
    { name: 'a negative timestamp', records: one({}, { baseTimestamp: -5, maxTimestamp: -5 }) },
    { name: 'a timestamp beyond 2^53', records: one({}, { baseTimestamp: 2n ** 62n }) },
    { name: 'a timestamp below -2^53', records: one({}, { baseTimestamp: -(2n ** 62n), maxTimestamp: -1 }) },
    { name: 'log append time from a client', records: one({}, { attributes: Attribute.logAppendTime }) },
    {
      name: 'log append time without a time',
      records: one({}, { attributes: Attribute.logAppendTime, baseTimestamp: -1, maxTimestamp: -1 }),
    },
    { name: 'log append time from a client, lz4', records: one({}, { attributes: Attribute.logAppendTime, compression: 'lz4' }) },
    { name: 'log append time where the log sets it', topic: 'append-time', records: one({}, { attributes: Attribute.logAppendTime }) },
    {
      name: 'no key on a compacted topic, and a time ahead',
      topic: 'compacted',
      records: rawBatch([rawRecord(), rawRecord({ offsetDelta: 1, key: Buffer.from('k'), timestampDelta: DAY })], { baseTimestamp: now }),
    },

    // Sizes.
    { name: 'larger than max.message.bytes', topic: 'small', records: one({ value: Buffer.alloc(2000) }) },
    {
      name: 'larger than max.message.bytes, and damaged',
      topic: 'small',
      records: flipped(one({ value: Buffer.alloc(2000) }), 100),
    },
    {
      name: 'smaller than max.message.bytes only when compressed',
      topic: 'small',
      records: one({ value: Buffer.alloc(2000) }, { compression: 'gzip' }),
    },

    // Producers.
    { name: 'an idempotent batch', records: one({}, idempotent) },
    { name: 'an idempotent batch that begins in the middle', records: one({}, { ...idempotent, producerId: 4712, baseSequence: 9 }) },
    { name: 'a producer id without a sequence', records: one({}, { ...idempotent, producerId: 4713, baseSequence: -1 }) },
    { name: 'a producer id without an epoch', records: one({}, { ...idempotent, producerId: 4714, producerEpoch: -1 }) },
    { name: 'a sequence without a producer id', records: one({}, { baseSequence: 3 }) },
    { name: 'a negative epoch', records: one({}, { ...idempotent, producerId: 4715, producerEpoch: -7 }) },
    { name: 'a negative producer id', records: one({}, { ...idempotent, producerId: -2 }) },
    { name: 'a gap in the sequence', records: one({}, { ...idempotent, baseSequence: 7 }) },
    { name: 'a repetition', records: one({}, idempotent) },
    { name: 'the next in the sequence', records: one({}, { ...idempotent, baseSequence: 1 }) },
    { name: 'a new epoch that does not begin with 0', records: one({}, { ...idempotent, producerEpoch: 1, baseSequence: 1 }) },
    { name: 'a new epoch', records: one({}, { ...idempotent, producerEpoch: 3 }) },
    { name: 'the epoch before', records: one({}, { ...idempotent, producerEpoch: 2 }) },
    { name: 'an old repetition', records: one({}, { ...idempotent, baseSequence: 1 }) },
    { name: 'the largest sequence', records: one({}, { ...idempotent, producerId: 4716, baseSequence: 0x7fff_ffff }) },
    { name: 'a sequence that wraps', records: one({}, { ...idempotent, producerId: 4716, baseSequence: 0 }) },
    {
      name: 'a control batch',
      records: one({ key: Buffer.from([0, 0, 0, 1]), value: Buffer.alloc(6) }, { ...idempotent, attributes: 0x30 }),
    },
    { name: 'a control batch without a producer', records: one({ key: Buffer.from([0, 0, 0, 1]) }, { attributes: 0x20 }) },
    { name: 'a transactional batch without a transactional id', records: one({}, { ...idempotent, producerId: 4720, attributes: 0x10 }) },
    {
      name: 'a transactional batch of an unknown producer',
      transactionalId: 'nobody',
      records: one({}, { ...idempotent, producerId: 4721, attributes: 0x10 }),
    },
    { name: 'a transactional batch without a producer id', transactionalId: 'nobody', records: one({}, { attributes: 0x10 }) },
  ]
}
