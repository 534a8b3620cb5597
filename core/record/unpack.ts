import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import { decompress } from './compression.ts'
import type { CompressionName } from './compression-names.ts'
import { Inflater } from './inflater.ts'
import { lz4Into } from './lz4-into.ts'
import { isPlainZstdFrame } from './zstd-frame.ts'

/** Batches of this size and less when decompressed are frequent: larger ones get memory of their own. */
const SCRATCH_BYTES_MAX = 1024 * 1024
const SCRATCH_BYTES_MIN = 128 * 1024

let scratch: Buffer | undefined
const gunzip = new Inflater(createGunzip, constants.Z_FINISH, true)
const unzstd = new Inflater(createZstdDecompress, constants.ZSTD_e_end, false)

/**
 * {@link decompress} for those who only look: the bytes hold until the next call. Makes nothing for a batch of usual size and kind.
 *
 * @throws CORRUPT_BATCH when the bytes are damaged, or would grow beyond `maxBytes`
 */
export function unpack(kind: CompressionName, buf: Buffer, maxBytes: number): Buffer {
  const memory = (scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES_MIN))
  const length = into(kind, buf, maxBytes < memory.length ? memory.subarray(0, maxBytes) : memory)
  if (length >= 0) return memory.subarray(0, length)
  const bytes = decompress(kind, buf, maxBytes)
  if (bytes.length >= memory.length && bytes.length < SCRATCH_BYTES_MAX) {
    scratch = Buffer.allocUnsafeSlow(Math.min(SCRATCH_BYTES_MAX, 2 * bytes.length))
  }
  return bytes
}

/** -1: whatever is the matter with it, {@link decompress} can do it, or say why not. */
function into(kind: CompressionName, buf: Buffer, out: Buffer): number {
  switch (kind) {
    case 'gzip':
      return gunzip.into(buf, out)
    case 'zstd':
      return isPlainZstdFrame(buf) ? unzstd.into(buf, out) : -1
    case 'lz4':
      return lz4Into(buf, out)
    default:
      return -1
  }
}
