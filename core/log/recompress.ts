import * as batch from '../record/batch.ts'
import { compress } from '../record/compression.ts'
import { type CompressionName, compressionId } from '../record/compression-names.ts'
import type { LogConfig } from './config.ts'

/** The batch at `at` with its records in another compression: they are the same bytes, only the header is written anew. */
export function recompress(records: Buffer, at: number, plain: Buffer, wanted: CompressionName, config: LogConfig): Buffer {
  const packed = compress(wanted, plain, levelOf(wanted, config))
  const result = Buffer.allocUnsafe(batch.BATCH_OVERHEAD + packed.length)
  records.copy(result, 0, at, at + batch.BATCH_OVERHEAD)
  packed.copy(result, batch.BATCH_OVERHEAD)
  const attributes = (batch.attributes(records, at) & ~batch.Attribute.compressionMask) | compressionId(wanted)
  result.writeInt16BE(attributes, batch.BatchField.attributes)
  result.writeInt32BE(result.length - batch.LOG_OVERHEAD, batch.BatchField.length)
  batch.sealBatch(result, 0)
  return result
}

/** What `compression.type` asks for a batch that came in `sent`. */
export function compressionWanted(type: LogConfig['compressionType'], sent: CompressionName): CompressionName {
  return type === 'producer' ? sent : type === 'uncompressed' ? 'none' : type
}

function levelOf(compression: CompressionName, config: LogConfig): number | undefined {
  return compression === 'gzip' ? config.compressionGzipLevel : compression === 'zstd' ? config.compressionZstdLevel : undefined
}
