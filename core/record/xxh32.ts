const PRIME_2 = 0x85eb_ca77
const PRIME_3 = 0xc2b2_ae3d
const PRIME_4 = 0x27d4_eb2f
const PRIME_5 = 0x1656_67b1
const PRIME_1 = 0x9e37_79b1
/** From here on the algorithm has another beginning, which headers of lz4 frames never need. */
const BYTES_MAX = 15

/** xxHash32 (seed 0) of at most 15 bytes, unsigned: the checksum of the header of an lz4 frame is its second byte. */
export function xxh32(bytes: Buffer): number {
  if (bytes.length > BYTES_MAX) throw new RangeError(`xxh32: ${bytes.length} bytes, at most ${BYTES_MAX}`)
  let hash = (PRIME_5 + bytes.length) | 0
  let at = 0
  for (; at + 4 <= bytes.length; at += 4) hash = Math.imul(rotl((hash + Math.imul(bytes.readInt32LE(at), PRIME_3)) | 0, 17), PRIME_4)
  for (; at < bytes.length; at++) hash = Math.imul(rotl((hash + Math.imul(bytes[at]!, PRIME_5)) | 0, 11), PRIME_1)
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2)
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3)
  return (hash ^ (hash >>> 16)) >>> 0
}

function rotl(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by))
}
