import { MoldauError } from '../base/errors.ts'
import { loadNativeCodec } from './native-codec.ts'

interface Snappy {
  compressSync(input: Buffer): Buffer
  uncompressSync(input: Buffer, options: { asBuffer: true }): Buffer
}

/**
 * Java clients write snappy in the frames of xerial's SnappyOutputStream: a header, then blocks with a length before each; librdkafka
 * writes one raw block. Everybody reads both, we write frames (older Java consumers read nothing else).
 */
const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const HEADER_BYTES = 16
/** What xerial's stream writes per block. */
const BLOCK_BYTES = 32 * 1024
/** No element of snappy's format yields more than 64 bytes from 3. */
const EXPANSION_MAX = 64 / 3

let loaded: Snappy | undefined

function snappy(): Snappy {
  loaded ??= loadNativeCodec<Snappy>('snappy')
  return loaded
}

export function compressSnappy(buf: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  MAGIC.copy(header)
  header.writeInt32BE(1, 8) // version
  header.writeInt32BE(1, 12) // least version that can read it
  const parts: Buffer[] = [header]
  for (let at = 0; at < buf.length; at += BLOCK_BYTES) {
    const block = snappy().compressSync(buf.subarray(at, at + BLOCK_BYTES))
    const length = Buffer.allocUnsafe(4)
    length.writeInt32BE(block.length, 0)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

export function decompressSnappy(buf: Buffer, maxBytes: number): Buffer {
  const blocks = isFramed(buf) ? frames(buf) : [buf]
  let total = 0
  for (const block of blocks) {
    total += claimedSize(block)
    if (total > maxBytes) throw corrupt(`data grow beyond the ${maxBytes} bytes allowed for a decompressed batch`)
  }
  const parts = blocks.map((block) => snappy().uncompressSync(block, { asBuffer: true }))
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, total)
}

function isFramed(buf: Buffer): boolean {
  return buf.length >= HEADER_BYTES && buf.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) === 0
}

function frames(buf: Buffer): Buffer[] {
  const blocks: Buffer[] = []
  let at = HEADER_BYTES
  while (at < buf.length) {
    const length = buf.length - at < 4 ? -1 : buf.readInt32BE(at)
    if (length <= 0 || length > buf.length - at - 4) throw corrupt(`block at byte ${at} claims ${length} bytes of ${buf.length - at}`)
    blocks.push(buf.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return blocks
}

/** The size that a raw block announces, disbelieved when its bytes could not possibly yield so much. */
function claimedSize(block: Buffer): number {
  let size = 0
  for (let at = 0, factor = 1; at < 5 && at < block.length; at++, factor *= 128) {
    const byte = block[at]!
    size += (byte & 0x7f) * factor
    if (byte > 0x7f) continue
    if (size > block.length * EXPANSION_MAX) break
    return size
  }
  throw corrupt('a block does not begin with a possible size')
}

function corrupt(what: string): MoldauError {
  return new MoldauError('CORRUPT_BATCH', `record batch: snappy: ${what}`)
}
