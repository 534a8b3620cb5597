import { crc32, deflateRawSync, inflateRawSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { createRequire } from 'node:module'
import { MoldauError } from '../../core/base/errors.ts'

/** How the blocks of a container file are compressed, by Avro's own names. */
export type AvroCodec = 'null' | 'deflate' | 'snappy' | 'zstandard'

export const avroCodecs: readonly AvroCodec[] = ['null', 'deflate', 'snappy', 'zstandard']

/** Fast rather than small: a lake file is written once and read often, but writing must keep up with the topic. */
const DEFLATE_LEVEL = 1
/** What one block may grow to. */
const BLOCK_BYTES_MAX = 256 * 1024 * 1024

interface Snappy {
  compressSync(input: Buffer): Buffer
  uncompressSync(input: Buffer): Buffer
}

let loadedSnappy: Snappy | undefined

function snappy(): Snappy {
  loadedSnappy ??= createRequire(import.meta.url)('snappy') as Snappy
  return loadedSnappy
}

export function compressBlock(codec: AvroCodec, block: Buffer): Buffer {
  switch (codec) {
    case 'null':
      return block
    case 'deflate':
      return deflateRawSync(block, { level: DEFLATE_LEVEL })
    case 'zstandard':
      return zstdCompressSync(block)
    case 'snappy': {
      // Avro appends the CRC-32 of the uncompressed bytes, big endian.
      const checksum = Buffer.alloc(4)
      checksum.writeUInt32BE(crc32(block))
      return Buffer.concat([snappy().compressSync(block), checksum])
    }
  }
}

/** Throws CORRUPT_BATCH when the bytes are not what the codec makes. */
export function decompressBlock(codec: AvroCodec, block: Buffer): Buffer {
  try {
    switch (codec) {
      case 'null':
        return block
      case 'deflate':
        return inflateRawSync(block, { maxOutputLength: BLOCK_BYTES_MAX })
      case 'zstandard':
        return zstdDecompressSync(block, { maxOutputLength: BLOCK_BYTES_MAX })
      case 'snappy':
        return unsnap(block)
    }
  } catch (error) {
    throw new MoldauError('CORRUPT_BATCH', `a block of an Avro file is damaged: it is no ${codec} data`, { cause: error })
  }
}

function unsnap(block: Buffer): Buffer {
  const plain = snappy().uncompressSync(block.subarray(0, -4))
  if (crc32(plain) !== block.readUInt32BE(block.length - 4)) throw new Error('checksum does not match')
  return plain
}
