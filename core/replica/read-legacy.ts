import { kafkaError } from '../protocol/errors.ts'
import { baseOffset, compressionOf, isControl, lastOffset, nextOffset, recordCount } from '../record/batch.ts'
import { downConvert } from '../record/legacy-convert.ts'
import type { LegacyMagic } from '../record/legacy-message.ts'
import { batches } from '../record/records.ts'
import type { Partition } from './partition.ts'

export interface LegacyRead {
  /** What the client has asked for: no older message is answered. */
  readonly offset: number
  /** Where the client's next message is looked for, when there is nothing before. Default: at the offset. */
  readonly from?: number
  readonly maxBytes: number
  /** No record at or above. */
  readonly end: number
  readonly magic: LegacyMagic
  /** Shared by the partitions of a request. */
  readonly patience: Patience
}

/** How much may be looked through in one turn of the event loop for a batch that an old client may have. */
export interface Patience {
  bytes: number
}

export interface LegacyFound {
  readonly records: Buffer
  /** Nothing was found so far, and much is left: where {@link nextMessages} goes on. */
  readonly goOnAt?: number
}

/** Read from the log at a time, at least: a client may ask for less than a batch takes. */
const READ_BYTES_MIN = 64 * 1024
/** Looked through in one turn. */
const TURN_BYTES = 1024 * 1024
const nothing = Buffer.alloc(0)

export function newPatience(): Patience {
  return { bytes: TURN_BYTES }
}

/**
 * Records as clients of before Kafka 0.11 read them: a message set of at most `maxBytes`, but always one message. Where there is nothing
 * but the markers of transactions and what compaction has emptied it goes on behind them: such a client would ask for the same offset for
 * ever.
 *
 * @throws KafkaError UNSUPPORTED_VERSION where `message.downconversion.enable` is off, UNSUPPORTED_COMPRESSION_TYPE for zstd
 */
export function readLegacy(
  partition: Partition,
  { offset, from: start = offset, maxBytes, end, magic, patience }: LegacyRead,
): LegacyFound {
  const { log } = partition
  const name = `${partition.topic}-${partition.index}`
  if (!log.config.messageDownconversionEnable) {
    throw kafkaError('UNSUPPORTED_VERSION', `${name}: message.downconversion.enable is false, clients of before Kafka 0.11 cannot read it`)
  }
  const parts: Buffer[] = []
  let bytes = 0
  for (let from = Math.max(start, log.logStartOffset); from < end && parts.length === 0;) {
    if (patience.bytes <= 0) return { records: nothing, goOnAt: from }
    const { records } = log.read(from, Math.max(maxBytes, READ_BYTES_MIN), end)
    if (records.length === 0) break
    for (const at of batches(records)) {
      from = nextOffset(records, at)
      if (!isForOldClients(records, at, offset)) continue
      if (compressionOf(records, at) === 'zstd') {
        if (parts.length > 0) break
        throw kafkaError('UNSUPPORTED_COMPRESSION_TYPE', `${name}: the batch at offset ${baseOffset(records, at)} is compressed with zstd`)
      }
      for (const message of downConvert(records, at, magic, offset)) {
        if (parts.length > 0 && bytes + message.length > maxBytes) return { records: Buffer.concat(parts, bytes) }
        parts.push(message)
        bytes += message.length
      }
    }
    if (parts.length === 0) patience.bytes -= records.length
  }
  return { records: Buffer.concat(parts, bytes) }
}

/**
 * Where batches with something for an old client go on, at or behind `from`, or the end of what may be read. Nothing is decoded, and others have
 * their turn after each megabyte. Where the log cannot be read it ends, so that {@link readLegacy} tells why.
 */
export async function nextMessages(partition: Partition, from: number, offset: number): Promise<number> {
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve))
    for (let left = TURN_BYTES; left > 0;) {
      const records = tryRead(partition, from)
      if (records.length === 0) return from
      for (const at of batches(records)) {
        if (isForOldClients(records, at, offset)) return Math.max(from, baseOffset(records, at))
        from = nextOffset(records, at)
      }
      left -= records.length
    }
  }
}

function tryRead({ log }: Partition, from: number): Buffer {
  try {
    return log.read(Math.max(from, log.logStartOffset), READ_BYTES_MIN).records
  } catch {
    return nothing
  }
}

function isForOldClients(records: Buffer, at: number, offset: number): boolean {
  return !isControl(records, at) && recordCount(records, at) > 0 && lastOffset(records, at) >= offset
}
