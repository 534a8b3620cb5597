import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { MoldauError, messageOf } from '../base/errors.ts'
import type { CompressionName } from './compression-names.ts'
import { compressLz4, decompressLz4 } from './lz4.ts'
import { compressSnappy, decompressSnappy } from './snappy.ts'

/**
 * Compresses the records of a batch as Kafka's clients expect them: gzip, xerial-framed snappy, lz4 frames, zstd frames.
 *
 * @param level of gzip or zstd, default theirs; snappy has none, and our lz4 has only one
 */
export function compress(kind: CompressionName, buf: Buffer, level?: number): Buffer {
  switch (kind) {
    case 'none':
      return buf
    case 'gzip':
      return level === undefined ? gzipSync(buf) : gzipSync(buf, { level })
    case 'snappy':
      return compressSnappy(buf)
    case 'lz4':
      return compressLz4(buf)
    case 'zstd':
      return level === undefined ? zstdCompressSync(buf) : zstdCompressSync(buf, { params: { [constants.ZSTD_c_compressionLevel]: level } })
  }
}

/**
 * Reverses {@link compress}. The size is bounded before the memory is taken, so that a small batch cannot claim all of it.
 *
 * @throws CORRUPT_BATCH when the bytes are damaged, or would grow beyond `maxBytes`
 */
export function decompress(kind: CompressionName, buf: Buffer, maxBytes: number): Buffer {
  try {
    switch (kind) {
      case 'none':
        return buf
      case 'gzip':
        return gunzipSync(buf, { maxOutputLength: maxBytes })
      case 'snappy':
        return decompressSnappy(buf, maxBytes)
      case 'lz4':
        return decompressLz4(buf, maxBytes)
      case 'zstd':
        return zstdDecompressSync(buf, { maxOutputLength: maxBytes })
    }
  } catch (error) {
    if (error instanceof MoldauError) throw error
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(kind, maxBytes)
    throw new MoldauError('CORRUPT_BATCH', `record batch: ${kind} cannot decompress it: ${messageOf(error)}`, { cause: error })
  }
}

function tooLarge(kind: CompressionName, maxBytes: number): MoldauError {
  return new MoldauError('CORRUPT_BATCH', `record batch: ${kind} data grow beyond the ${maxBytes} bytes allowed for a decompressed batch`)
}
