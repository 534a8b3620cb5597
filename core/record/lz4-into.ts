import { xxh32 } from './xxh32.ts'

const MAGIC = 0x184d2204
const HEADER_BYTES_MIN = 7
const CONTENT_SIZE_BYTES = 8
const UNCOMPRESSED_BLOCK = 0x8000_0000

/** Version 1, and at most these two: what Kafka's clients write. Checksums and dictionaries are left to the native codec. */
const VERSION = 0x40
const Flag = { independent: 0x20, contentSize: 0x08 } as const

/** A length of four bits that goes on in the next bytes. */
const LENGTH_CONTINUES = 15
const COPY_BYTES_MIN = 4

/** Shorter runs are copied faster by a loop than by a call: in words, of which the last may reach beyond the run, where there is room. */
const CALL_BYTES_MIN = 64
const WORD_BYTES = 4

/**
 * Decompresses an lz4 frame to the beginning of `out`. The native codec makes a buffer outside of V8's heap for each batch, which makes the
 * garbage collector work more than the decompression itself.
 *
 * @returns how many bytes there are, or -1: they do not fit, the frame is damaged, or of a kind that only the native codec reads
 */
export function lz4Into(frame: Buffer, out: Buffer): number {
  if (frame.length < HEADER_BYTES_MIN || frame.readUInt32LE(0) !== MAGIC) return -1
  const flags = frame[4]!
  const blockSizeId = frame[5]! >>> 4
  if ((flags & ~(Flag.independent | Flag.contentSize)) !== VERSION || blockSizeId < 4 || blockSizeId > 7 || (frame[5]! & 15) !== 0)
    return -1
  const hasSize = (flags & Flag.contentSize) !== 0
  const headerEnd = HEADER_BYTES_MIN - 1 + (hasSize ? CONTENT_SIZE_BYTES : 0)
  if (headerEnd >= frame.length || frame[headerEnd] !== ((xxh32(frame.subarray(4, headerEnd)) >>> 8) & 0xff)) return -1
  const blockMax = 1 << (8 + 2 * blockSizeId)
  const isIndependent = (flags & Flag.independent) !== 0
  let at = headerEnd + 1
  let to = 0
  for (;;) {
    if (at + 4 > frame.length) return -1
    const word = frame.readUInt32LE(at)
    at += 4
    if (word === 0) break
    const length = word % UNCOMPRESSED_BLOCK
    if (length > frame.length - at || length > blockMax) return -1
    const from = to
    if (word >= UNCOMPRESSED_BLOCK) {
      if (length > out.length - to) return -1
      to += frame.copy(out, to, at, at + length)
    } else to = blockInto(frame, at, at + length, out, to, isIndependent ? to : 0)
    if (to < from || to - from > blockMax) return -1
    at += length
  }
  return at === frame.length && (!hasSize || frame.readBigUInt64LE(HEADER_BYTES_MIN - 1) === BigInt(to)) ? to : -1
}

/** Sequences of literals and a copy of what stands before; the last one is literals only. No copy reaches back beyond `base`. */
function blockInto(buf: Buffer, at: number, end: number, out: Buffer, to: number, base: number): number {
  const room = out.length
  const source = new DataView(buf.buffer, buf.byteOffset, buf.length)
  const target = new DataView(out.buffer, out.byteOffset, room)
  while (at < end) {
    const token = buf[at++]!
    let literals = token >>> 4
    if (literals === LENGTH_CONTINUES) {
      for (let more = 255; more === 255; literals += more) {
        if (at >= end) return -1
        more = buf[at++]!
      }
    }
    if (literals > end - at || literals > room - to) return -1
    if (literals >= CALL_BYTES_MIN) buf.copy(out, to, at, at + literals)
    else if (literals + WORD_BYTES <= Math.min(end - at, room - to)) {
      for (let i = 0; i < literals; i += WORD_BYTES) target.setInt32(to + i, source.getInt32(at + i, true), true)
    } else for (let i = 0; i < literals; i++) out[to + i] = buf[at + i]!
    to += literals
    at += literals
    if (at === end) return to
    if (end - at < 2) return -1
    const distance = buf[at]! | (buf[at + 1]! << 8)
    at += 2
    let length = (token & LENGTH_CONTINUES) + COPY_BYTES_MIN
    if (length === LENGTH_CONTINUES + COPY_BYTES_MIN) {
      for (let more = 255; more === 255; length += more) {
        if (at >= end) return -1
        more = buf[at++]!
      }
    }
    if (distance === 0 || distance > to - base || length > room - to) return -1
    const from = to - distance
    // What is copied may itself be part of what is being written.
    if (length >= CALL_BYTES_MIN && distance >= length) out.copyWithin(to, from, from + length)
    else if (distance >= WORD_BYTES && length + WORD_BYTES <= room - to) {
      for (let i = 0; i < length; i += WORD_BYTES) target.setInt32(to + i, target.getInt32(from + i, true), true)
    } else for (let i = 0; i < length; i++) out[to + i] = out[from + i]!
    to += length
  }
  return -1
}
