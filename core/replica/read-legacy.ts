import { kafkaError } from '../protocol/errors.ts'
import { compressionOf, nextOffset } from '../record/batch.ts'
import { downConvert } from '../record/legacy-convert.ts'
import type { LegacyMagic } from '../record/legacy-message.ts'
import { batches } from '../record/records.ts'
import type { Partition } from './partition.ts'

export interface LegacyRead {
  readonly offset: number
  readonly maxBytes: number
  /** No record at or above. */
  readonly end: number
  readonly magic: LegacyMagic
}

/** Read from the log at a time, at least: a client may ask for less than a batch takes. */
const READ_BYTES_MIN = 64 * 1024

/**
 * Records as clients of before Kafka 0.11 read them: a message set of at most `maxBytes`, but always one message. Where there is nothing
 * but the markers of transactions it goes on behind them: such a client would ask for the same offset for ever.
 *
 * @throws KafkaError UNSUPPORTED_VERSION where `message.downconversion.enable` is off, UNSUPPORTED_COMPRESSION_TYPE for zstd
 */
export function readLegacy(partition: Partition, { offset, maxBytes, end, magic }: LegacyRead): Buffer {
  const { log } = partition
  const name = `${partition.topic}-${partition.index}`
  if (!log.config.messageDownconversionEnable) {
    throw kafkaError('UNSUPPORTED_VERSION', `${name}: message.downconversion.enable is false, clients of before Kafka 0.11 cannot read it`)
  }
  const parts: Buffer[] = []
  let bytes = 0
  for (let from = offset; from < end && parts.length === 0;) {
    const { records } = log.read(from, Math.max(maxBytes, READ_BYTES_MIN), end)
    if (records.length === 0) break
    for (const at of batches(records)) {
      if (compressionOf(records, at) === 'zstd') {
        if (parts.length > 0) break
        throw kafkaError('UNSUPPORTED_COMPRESSION_TYPE', `${name}: the batch at offset ${from} is compressed with zstd`)
      }
      for (const message of downConvert(records, at, magic, offset)) {
        if (parts.length > 0 && bytes + message.length > maxBytes) return Buffer.concat(parts, bytes)
        parts.push(message)
        bytes += message.length
      }
      from = nextOffset(records, at)
    }
  }
  return Buffer.concat(parts, bytes)
}
