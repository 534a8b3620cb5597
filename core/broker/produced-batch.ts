import type { LogConfig } from '../log/config.ts'
import { kafkaError } from '../protocol/errors.ts'
import { Attribute, BATCH_OVERHEAD, BatchField, LOG_OVERHEAD, MAGIC, attributes, magic, sizeInBytes } from '../record/batch.ts'
import { compressionId } from '../record/compression-names.ts'
import { upConvert } from '../record/legacy-convert.ts'
import { isCorruptBatch, isLegacy } from '../record/legacy-decode.ts'
import { MESSAGE_BYTES_MIN } from '../record/legacy-message.ts'

/** Record batches came with version 3 (Kafka 0.11), zstandard with 7 (KIP-110). */
const BATCHES_SINCE = 3
const ZSTD_SINCE = 7
const ZSTD = compressionId('zstd')
/** Up to the magic: without it nobody knows what it is. */
const START_BYTES = BatchField.magic + 1

/**
 * The one record batch in what a Produce request of this version brings for a partition. Bytes behind it that are no whole batch are
 * dropped, as Kafka does. What is inside is for the log to check.
 *
 * @throws KafkaError INVALID_RECORD, CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE
 */
export function batchOf(sent: Buffer, version: number, config: LogConfig): Buffer {
  if (version < BATCHES_SINCE && isLegacy(sent)) return converted(sent, config)
  const size = wholeSize(sent, 0)
  if (size === undefined) throw kafkaError('INVALID_RECORD', `${sent.length} bytes hold no whole record batch`)
  if (magic(sent, 0) !== MAGIC) {
    throw kafkaError('INVALID_RECORD', `Produce ${version} takes record batches (magic 2), not magic ${magic(sent, 0)}`)
  }
  if (size < BATCH_OVERHEAD) throw kafkaError('CORRUPT_MESSAGE', `a record batch of ${size} bytes is shorter than its header`)
  if (version < ZSTD_SINCE && (attributes(sent, 0) & Attribute.compressionMask) === ZSTD) {
    throw kafkaError('UNSUPPORTED_COMPRESSION_TYPE', `zstd needs Produce ${ZSTD_SINCE} or newer`)
  }
  if (size === sent.length) return sent
  if (wholeSize(sent, size) !== undefined) throw kafkaError('INVALID_RECORD', 'more than one record batch for a partition')
  return sent.subarray(0, size)
}

/** Bytes of the batch or message at `at`, undefined when it is not all there. */
function wholeSize(sent: Buffer, at: number): number | undefined {
  const left = sent.length - at
  if (left < LOG_OVERHEAD) return undefined
  const size = sizeInBytes(sent, at)
  if (size < LOG_OVERHEAD + MESSAGE_BYTES_MIN) throw kafkaError('CORRUPT_MESSAGE', `a record batch of ${size} bytes`)
  if (left < START_BYTES) return undefined
  const found = magic(sent, at)
  if (found < 0 || found > MAGIC) throw kafkaError('CORRUPT_MESSAGE', `magic ${found} is unknown`)
  return size > left ? undefined : size
}

function converted(set: Buffer, { maxDecompressedMessageBytes }: LogConfig): Buffer {
  try {
    return upConvert(set, maxDecompressedMessageBytes)
  } catch (error) {
    if (isCorruptBatch(error)) throw kafkaError('CORRUPT_MESSAGE', error.message)
    throw error
  }
}
