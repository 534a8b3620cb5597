import { MoldauError } from '../base/errors.ts'
import { kafkaError } from '../protocol/errors.ts'
import * as batch from '../record/batch.ts'
import { decodeBatch } from '../record/columns.ts'
import { unpack } from '../record/unpack.ts'
import { type Walked, walkRecords } from '../record/walk.ts'
import { type LogConfig, isCompacted } from './config.ts'
import { RECORD_ERRORS_MAX, type RecordError, RecordValidationError } from './record-errors.ts'

/** What a look at the records of a batch tells. */
export interface CheckedRecords {
  /** The records as they are without compression; undefined where there is none. */
  plain: Buffer | undefined
  /** The largest timestamp of a record, -1 for none. */
  maxTimestamp: number
}

/** Of the last walk: appends come one after the other. */
const walked: Walked = { minTimestamp: 0, maxTimestamp: 0, keyless: false }
const checked: CheckedRecords = { plain: undefined, maxTimestamp: 0 }

/**
 * Looks at every record of the batch at `at`, whose header has been checked. Compressed ones are decompressed for it. What it answers
 * holds until the next call.
 *
 * @throws KafkaError INVALID_RECORD, INVALID_TIMESTAMP; a {@link RecordValidationError} where single records are to blame
 */
export function checkRecords(records: Buffer, at: number, config: LogConfig, now: number): Readonly<CheckedRecords> {
  walk(records, at, config)
  const { minTimestamp, maxTimestamp, keyless } = walked
  const fromLog = batch.timestampType(records, at) === 'LogAppendTime'
  const dated = minTimestamp !== batch.NO_TIMESTAMP || maxTimestamp !== batch.NO_TIMESTAMP
  if (
    fromLog ||
    (keyless && isCompacted(config)) ||
    (dated && (minTimestamp < oldest(config, now) || maxTimestamp > newest(config, now)))
  ) {
    throwBroken(records, at, config, now)
  }
  checked.maxTimestamp = maxTimestamp
  return checked
}

function walk(records: Buffer, at: number, config: LogConfig): void {
  const count = batch.recordCount(records, at)
  const baseTimestamp = batch.baseTimestamp(records, at)
  try {
    const compression = batch.compressionOf(records, at)
    const [from, to] = [at + batch.BATCH_OVERHEAD, at + batch.sizeInBytes(records, at)]
    if (compression === 'none') {
      checked.plain = undefined
      walkRecords(records, from, to, count, baseTimestamp, walked)
    } else {
      const plain = unpack(compression, records.subarray(from, to), config.maxDecompressedMessageBytes)
      checked.plain = plain
      walkRecords(plain, 0, plain.length, count, baseTimestamp, walked)
    }
  } catch (error) {
    if (error instanceof MoldauError && error.code === 'CORRUPT_BATCH') throw kafkaError('INVALID_RECORD', error.message)
    throw error
  }
}

/** Below 1970 there is only -1, for "none". */
function oldest({ messageTimestampType, messageTimestampBeforeMaxMs: before }: LogConfig, now: number): number {
  return messageTimestampType === 'CreateTime' && before >= 0 ? Math.max(0, now - before) : 0
}

function newest({ messageTimestampType, messageTimestampAfterMaxMs: after }: LogConfig, now: number): number {
  return messageTimestampType === 'CreateTime' && after >= 0 ? now + after : Number.MAX_SAFE_INTEGER
}

/** Something is wrong with the records: names those that are to blame. Only the log may say that a time is the log's. */
function throwBroken(records: Buffer, at: number, config: LogConfig, now: number): void {
  const typeForbidden =
    batch.timestampType(records, at) === 'LogAppendTime' &&
    (config.messageTimestampType === 'LogAppendTime' || batch.maxTimestamp(records, at) === batch.NO_TIMESTAMP)
  const columns = decodeBatch(records, at, config.maxDecompressedMessageBytes)
  const [from, to] = [oldest(config, now), newest(config, now)]
  const needsKey = isCompacted(config)
  const errors: RecordError[] = []
  let badTimestamp = false
  for (let i = 0; i < columns.count && errors.length < RECORD_ERRORS_MAX; i++) {
    const timestamp = columns.timestamp(i)
    const outside = timestamp !== batch.NO_TIMESTAMP && (timestamp < from || timestamp > to)
    if (needsKey && columns.keyLength[i] === -1) add(i, 'a compacted topic takes no record without a key')
    else if (typeForbidden || outside) {
      badTimestamp = true
      add(i, typeForbidden ? 'a producer must not set the timestamp type to LogAppendTime' : outOfRange(timestamp, from, to))
    }
  }
  if (errors.length > 0) throw new RecordValidationError(badTimestamp ? 'INVALID_TIMESTAMP' : 'INVALID_RECORD', errors)

  function add(batchIndex: number, batchIndexErrorMessage: string): void {
    errors.push({ batchIndex, batchIndexErrorMessage })
  }
}

function outOfRange(timestamp: number, from: number, to: number): string {
  const limits = 'message.timestamp.before.max.ms and message.timestamp.after.max.ms'
  return `timestamp ${timestamp} is not between ${from} and ${to}, where ${limits} allow it`
}
