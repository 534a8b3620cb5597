import { MoldauError } from '../base/errors.ts'
import { kafkaError } from '../protocol/errors.ts'
import * as batch from '../record/batch.ts'
import { checkRecords } from './check-records.ts'
import type { LogConfig } from './config.ts'
import { RecordValidationError } from './record-errors.ts'
import { compressionWanted, recompress } from './recompress.ts'

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
  /** What is to be written: the bytes that were sent, or other ones where `compression.type` asks for another compression. */
  readonly records: Buffer
  readonly nextOffset: number
  readonly maxTimestamp: number
  /** Position of the batch of an idempotent producer, -1 when there is none. */
  readonly producerAt: number
}

/**
 * One pass over what a producer sent: checks every batch as a whole (size, checksum, counts) and walks over its records, then gives it
 * its offset and leader epoch in place. Kafka's `LogValidator` and `UnifiedLog.analyzeAndValidateRecords`.
 *
 * @throws KafkaError CORRUPT_MESSAGE, INVALID_RECORD, MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_TIMESTAMP, INVALID_PRODUCER_EPOCH
 */
export function validate(sent: Buffer, options: ValidateOptions): Validated {
  if (sent.length === 0) throw kafkaError('INVALID_RECORD', 'no record batch')
  const { config, leaderEpoch } = options
  /** Only where a batch is replaced. */
  let parts: Buffer[] | undefined
  let { offset: nextOffset } = options
  let maxTimestamp = batch.NO_TIMESTAMP
  let producerAt = -1
  let batchCount = 0
  for (let at = 0, written = 0; at < sent.length; batchCount++) {
    checkFrame(sent, at, options)
    checkHeader(sent, at, options)
    const size = batch.sizeInBytes(sent, at)
    const other = batch.isControl(sent, at) ? undefined : settle(sent, at, options)
    const stored = other ?? sent
    const storedAt = other === undefined ? at : 0
    if (batch.producerId(stored, storedAt) >= 0) producerAt = written
    batch.setBaseOffset(stored, storedAt, nextOffset)
    batch.setLeaderEpoch(stored, storedAt, leaderEpoch)
    maxTimestamp = Math.max(maxTimestamp, batch.maxTimestamp(stored, storedAt))
    nextOffset = batch.nextOffset(stored, storedAt)
    if (other !== undefined) parts ??= at === 0 ? [] : [sent.subarray(0, at)]
    parts?.push(other ?? sent.subarray(at, at + size))
    written += other?.length ?? size
    at += size
  }
  if (producerAt >= 0 && batchCount > 1)
    throw kafkaError('INVALID_RECORD', 'an idempotent producer sends one batch per partition and request')
  const records = parts === undefined ? sent : parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  if (records.length > config.segmentBytes) {
    throw kafkaError('RECORD_LIST_TOO_LARGE', `${records.length} bytes, segment.bytes is ${config.segmentBytes}`)
  }
  return { records, nextOffset, maxTimestamp, producerAt }
}

/** In Kafka's order: a batch that is too large is called that even when it is damaged, too. */
function checkFrame(records: Buffer, at: number, { config, origin }: ValidateOptions): void {
  const left = records.length - at
  if (left > batch.BatchField.magic) {
    const magic = batch.magic(records, at)
    if (magic >= 0 && magic < batch.MAGIC) {
      throw kafkaError('INVALID_RECORD', `message format ${magic}: send record batches (magic 2, Kafka 0.11 or later)`)
    }
  }
  if (left >= batch.BATCH_OVERHEAD && batch.magic(records, at) === batch.MAGIC) {
    checkSize(batch.sizeInBytes(records, at), config)
    const first = origin === 'client' ? integer(records, at, batch.baseOffset, 'base offset') : 0
    if (first !== 0) throw kafkaError('INVALID_RECORD', `a batch with base offset ${first}, a producer sends 0`)
  }
  const state = batch.checkBatch(records, at, records.length)
  if (state !== 'ok') throw kafkaError('CORRUPT_MESSAGE', `the batch at byte ${at} of ${records.length} is ${state}`)
}

function checkSize(size: number, { maxMessageBytes }: LogConfig): void {
  if (size > maxMessageBytes) throw kafkaError('MESSAGE_TOO_LARGE', `a batch of ${size} bytes, max.message.bytes is ${maxMessageBytes}`)
}

function checkHeader(records: Buffer, at: number, { origin }: ValidateOptions): void {
  const count = batch.recordCount(records, at)
  if (count <= 0 || batch.lastOffsetDelta(records, at) !== count - 1) {
    const delta = batch.lastOffsetDelta(records, at)
    throw kafkaError('INVALID_RECORD', `a batch of ${count} records whose last offset delta is ${delta}, it must be one less`)
  }
  const control = batch.isControl(records, at)
  const idempotent = integer(records, at, batch.producerId, 'producer id') >= 0
  if (origin === 'client') {
    if (control) throw kafkaError('INVALID_RECORD', 'clients may not write control batches')
    if (idempotent && batch.baseSequence(records, at) < 0) throw kafkaError('INVALID_RECORD', 'a batch with a producer id has no sequence')
    if (idempotent && batch.producerEpoch(records, at) < 0) {
      throw kafkaError('INVALID_PRODUCER_EPOCH', `a batch with a producer id has epoch ${batch.producerEpoch(records, at)}`)
    }
  }
  if (!idempotent && batch.isTransactional(records, at)) throw kafkaError('INVALID_RECORD', 'a transactional batch has no producer id')
  if (control) return
  if ((batch.attributes(records, at) & batch.Attribute.compressionMask) > 4) throw kafkaError('INVALID_RECORD', 'unknown compression')
  integer(records, at, batch.baseTimestamp, 'base timestamp', 'INVALID_TIMESTAMP')
  integer(records, at, batch.maxTimestamp, 'largest timestamp', 'INVALID_TIMESTAMP')
}

/** A field of the header that has 64 bits; nobody sends one beyond 2^53 in earnest. */
function integer(
  records: Buffer,
  at: number,
  field: (buf: Buffer, at: number) => number,
  name: string,
  error: 'INVALID_RECORD' | 'INVALID_TIMESTAMP' = 'INVALID_RECORD',
): number {
  try {
    return field(records, at)
  } catch (cause) {
    if (!(cause instanceof MoldauError)) throw cause
    const message = `the ${name} of a batch is beyond 2^53`
    // Kafka blames the records for their time.
    throw error === 'INVALID_TIMESTAMP'
      ? new RecordValidationError(error, [{ batchIndex: 0, batchIndexErrorMessage: message }])
      : kafkaError(error, message)
  }
}

/** Walks over the records, writes what only the log may say into the header, and answers the batch in another compression where one is wanted. */
function settle(records: Buffer, at: number, { config, now }: ValidateOptions): Buffer | undefined {
  const { plain, maxTimestamp } = checkRecords(records, at, config, now)
  const appendTime = config.messageTimestampType === 'LogAppendTime'
  // The delete horizon is the cleaner's.
  const kept = batch.attributes(records, at) & ~(batch.Attribute.logAppendTime | batch.Attribute.deleteHorizon)
  if (appendTime) batch.setTimes(records, at, kept | batch.Attribute.logAppendTime, now)
  else batch.setTimes(records, at, kept, maxTimestamp)
  const sent = batch.compressionOf(records, at)
  const wanted = compressionWanted(config.compressionType, sent)
  if (wanted === sent) return undefined
  const bytes = plain ?? records.subarray(at + batch.BATCH_OVERHEAD, at + batch.sizeInBytes(records, at))
  const other = recompress(records, at, bytes, wanted, config)
  checkSize(other.length, config)
  return other
}
