import { kafkaError } from '../protocol/errors.ts'
import * as batch from '../record/batch.ts'
import { type LogConfig, isCompacted } from './config.ts'
import { decodeSent } from './recompress.ts'

/** `client`: a producer. `coordinator`: the broker itself, which may write control batches and counts no sequences. */
export type AppendOrigin = 'client' | 'coordinator'

export interface ValidateOptions {
  readonly config: LogConfig
  readonly origin: AppendOrigin
  readonly leaderEpoch: number
  /** The offset of the first record. */
  readonly offset: number
  /** Milliseconds since 1970. */
  readonly now: number
}

/** What an append needs to know of its batches. */
export interface Validated {
  readonly nextOffset: number
  readonly maxTimestamp: number
  /** Position of the batch of an idempotent producer, -1 when there is none. */
  readonly producerAt: number
}

/**
 * One pass over the headers of what a producer sent: checks every batch as a whole (checksum, size, counts, times), then gives it its
 * offset and leader epoch in place. Records are decoded only where keys must be looked at. Kafka's `LogValidator` and
 * `UnifiedLog.analyzeAndValidateRecords`.
 *
 * @throws KafkaError CORRUPT_MESSAGE, INVALID_RECORD, MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_TIMESTAMP
 */
export function validate(records: Buffer, options: ValidateOptions): Validated {
  const { config, leaderEpoch, now } = options
  if (records.length === 0) throw kafkaError('INVALID_RECORD', 'no record batch')
  let { offset: nextOffset } = options
  let maxTimestamp = batch.NO_TIMESTAMP
  let producerAt = -1
  let at = 0
  while (at < records.length) {
    checkFrame(records, at, config)
    checkHeader(records, at, options)
    if (batch.producerId(records, at) >= 0) producerAt = at
    if (config.messageTimestampType === 'LogAppendTime' && !batch.isControl(records, at)) batch.setLogAppendTime(records, at, now)
    batch.setBaseOffset(records, at, nextOffset)
    batch.setLeaderEpoch(records, at, leaderEpoch)
    maxTimestamp = Math.max(maxTimestamp, batch.maxTimestamp(records, at))
    nextOffset = batch.nextOffset(records, at)
    at += batch.sizeInBytes(records, at)
  }
  if (producerAt > 0 || (producerAt === 0 && batch.sizeInBytes(records, 0) < records.length)) {
    throw kafkaError('INVALID_RECORD', 'an idempotent producer sends one batch per partition and request')
  }
  if (records.length > config.segmentBytes) {
    throw kafkaError('RECORD_LIST_TOO_LARGE', `${records.length} bytes, segment.bytes is ${config.segmentBytes}`)
  }
  return { nextOffset, maxTimestamp, producerAt }
}

function checkFrame(records: Buffer, at: number, config: LogConfig): void {
  const left = records.length - at
  if (left > batch.BATCH_OVERHEAD && batch.magic(records, at) < batch.MAGIC) {
    throw kafkaError('INVALID_RECORD', `message format ${batch.magic(records, at)}: send record batches (magic 2, Kafka 0.11 or later)`)
  }
  const state = batch.checkBatch(records, at, records.length)
  if (state !== 'ok') throw kafkaError('CORRUPT_MESSAGE', `the batch at byte ${at} of ${records.length} is ${state}`)
  const size = batch.sizeInBytes(records, at)
  if (size > config.maxMessageBytes) {
    throw kafkaError('MESSAGE_TOO_LARGE', `a batch of ${size} bytes, max.message.bytes is ${config.maxMessageBytes}`)
  }
}

function checkHeader(records: Buffer, at: number, { config, origin, now }: ValidateOptions): void {
  const count = batch.recordCount(records, at)
  if (count <= 0 || batch.lastOffsetDelta(records, at) !== count - 1) {
    const delta = batch.lastOffsetDelta(records, at)
    throw kafkaError('INVALID_RECORD', `a batch of ${count} records whose last offset delta is ${delta}, it must be one less`)
  }
  const idempotent = batch.producerId(records, at) >= 0
  const control = batch.isControl(records, at)
  if (origin === 'client') {
    if (batch.baseOffset(records, at) !== 0) {
      throw kafkaError('INVALID_RECORD', `a batch with base offset ${batch.baseOffset(records, at)}, a producer sends 0`)
    }
    if (control) throw kafkaError('INVALID_RECORD', 'clients may not write control batches')
    if (idempotent && (batch.baseSequence(records, at) < 0 || batch.producerEpoch(records, at) < 0)) {
      throw kafkaError('INVALID_RECORD', 'a batch with a producer id has no sequence or epoch')
    }
  }
  if (!idempotent && batch.isTransactional(records, at)) throw kafkaError('INVALID_RECORD', 'a transactional batch has no producer id')
  if (control) return
  if ((batch.attributes(records, at) & batch.Attribute.compressionMask) > 4) throw kafkaError('INVALID_RECORD', 'unknown compression')
  if (config.messageTimestampType === 'CreateTime') checkTimes(records, at, config, now)
  if (isCompacted(config)) checkKeys(records, at)
}

function checkTimes(records: Buffer, at: number, config: LogConfig, now: number): void {
  const first = batch.baseTimestamp(records, at)
  const newest = batch.maxTimestamp(records, at)
  const { messageTimestampBeforeMaxMs: before, messageTimestampAfterMaxMs: after } = config
  if (after >= 0 && newest >= 0 && newest - now > after) {
    throw kafkaError('INVALID_TIMESTAMP', `${newest} is ${newest - now} ms ahead of the broker, message.timestamp.after.max.ms is ${after}`)
  }
  if (before >= 0 && first >= 0 && now - first > before) {
    throw kafkaError('INVALID_TIMESTAMP', `${first} is ${now - first} ms in the past, message.timestamp.before.max.ms is ${before}`)
  }
}

function checkKeys(records: Buffer, at: number): void {
  const { keyLength } = decodeSent(records, at)
  if (keyLength.includes(-1)) throw kafkaError('INVALID_RECORD', 'a compacted topic takes no record without a key')
}
