import { MoldauError } from '../base/errors.ts'
import { loadNativeCodec } from './native-codec.ts'

interface Lz4 {
  compressFrameSync(input: Buffer): Buffer
  decompressFrameSync(input: Buffer): Buffer
}

const MAGIC = 0x184d2204
const HEADER_BYTES_MIN = 7
const UNCOMPRESSED_BLOCK = 0x8000_0000
/** No sequence of lz4's format yields more than this from a byte. */
const EXPANSION_MAX = 255
/** A length of four bits that goes on in the next bytes. */
const LENGTH_CONTINUES = 15

const Flag = { blockChecksum: 0x10, contentSize: 0x08, contentChecksum: 0x04, dictionary: 0x01 } as const

let loaded: Lz4 | undefined

function lz4(): Lz4 {
  loaded ??= loadNativeCodec<Lz4>('lz4-napi')
  return loaded
}

/** One lz4 frame of independent blocks: Java's consumer refuses dependent ones. */
export function compressLz4(buf: Buffer): Buffer {
  return lz4().compressFrameSync(buf)
}

export function decompressLz4(buf: Buffer, maxBytes: number): Buffer {
  const tooLarge = sizeBound(buf, false) > maxBytes && sizeBound(buf, true) > maxBytes
  if (tooLarge) throw corrupt(`data grow beyond the ${maxBytes} bytes allowed for a decompressed batch`)
  return lz4().decompressFrameSync(buf)
}

/**
 * Walks over the blocks of a frame without decompressing: the most bytes it can yield. Up to a block too many, unless `exact` walks
 * over the sequences inside the blocks too.
 */
function sizeBound(buf: Buffer, exact: boolean): number {
  if (buf.length < HEADER_BYTES_MIN || buf.readUInt32LE(0) !== MAGIC) throw corrupt('data do not begin with a frame')
  const flags = buf[4]!
  if (flags >>> 6 !== 1) throw corrupt(`frame version ${flags >>> 6} is unknown`)
  if ((flags & Flag.dictionary) !== 0) throw corrupt('frame needs a dictionary')
  const blockSizeId = (buf[5]! >>> 4) & 7
  if (blockSizeId < 4) throw corrupt(`block size ${blockSizeId} is unknown`)
  const blockMax = 1 << (8 + 2 * blockSizeId)
  const trailer = (flags & Flag.blockChecksum) === 0 ? 0 : 4
  let at = HEADER_BYTES_MIN + ((flags & Flag.contentSize) === 0 ? 0 : 8)
  let bound = 0
  for (;;) {
    if (at + 4 > buf.length) throw corrupt('frame has no end mark')
    const word = buf.readUInt32LE(at)
    at += 4
    if (word === 0) break
    const length = word % UNCOMPRESSED_BLOCK
    if (length > buf.length - at || length > blockMax) throw corrupt(`block at byte ${at - 4} claims ${length} bytes of ${buf.length - at}`)
    if (word >= UNCOMPRESSED_BLOCK) bound += length
    else bound += exact ? blockSize(buf, at, at + length) : Math.min(blockMax, length * EXPANSION_MAX)
    at += length + trailer
  }
  const end = at + ((flags & Flag.contentChecksum) === 0 ? 0 : 4)
  if (end !== buf.length) throw corrupt(`frame ends at byte ${end} of ${buf.length}`)
  return bound
}

/** Bytes that the sequences of a block yield: literals, then a copy of four bytes or more from before. */
function blockSize(buf: Buffer, at: number, end: number): number {
  let size = 0
  while (at < end) {
    const token = buf[at++]!
    let literals = token >>> 4
    if (literals === LENGTH_CONTINUES) {
      for (let more = 255; more === 255 && at < end; literals += more) more = buf[at++]!
    }
    size += literals
    at += literals
    if (at >= end) break // the last sequence has no copy
    at += 2
    let copied = (token & 15) + 4
    if (copied === LENGTH_CONTINUES + 4) {
      for (let more = 255; more === 255 && at < end; copied += more) more = buf[at++]!
    }
    size += copied
  }
  return size
}

function corrupt(what: string): MoldauError {
  return new MoldauError('CORRUPT_BATCH', `record batch: lz4: ${what}`)
}
