const MAGIC = 0xfd2f_b528
const CHECKSUM_BYTES = 4
const BLOCK_HEADER_BYTES = 3
const Block = { raw: 0, repeated: 1, reserved: 3 } as const

/** What a decoder must be able to hold (RFC 8878, 3.1.1.1.2). Kafka's clients ask for less, unless their level is above 19. */
const WINDOW_BYTES_MAX = 8 * 1024 * 1024

const contentSizeBytes = [0, 2, 4, 8] as const
const dictionaryBytes = [0, 1, 2, 4] as const

/**
 * Whether the bytes are one whole zstd frame without a dictionary, whose window is of a usual size: a decoder that is used again stands at the
 * beginning of a frame after it, and has not grown. Blocks are stepped over, not looked into.
 */
export function isPlainZstdFrame(buf: Buffer): boolean {
  if (buf.length < 6 || buf.readUInt32LE(0) !== MAGIC) return false
  const descriptor = buf[4]!
  const isSingle = (descriptor & 0x20) !== 0
  if ((descriptor & 0x08) !== 0 || dictionaryBytes[descriptor & 3] !== 0) return false
  const sizeBytes = isSingle && descriptor >>> 6 === 0 ? 1 : contentSizeBytes[descriptor >>> 6]!
  let at = 5
  if (!isSingle) {
    const base = 2 ** (10 + (buf[at]! >>> 3))
    if (base + (base / 8) * (buf[at]! & 7) > WINDOW_BYTES_MAX) return false
    at++
  }
  // A single segment is its own window.
  else if (sizeBytes === 8 || (sizeBytes === 4 && at + 4 <= buf.length && buf.readUInt32LE(at) > WINDOW_BYTES_MAX)) return false
  at += sizeBytes
  for (let last = false; !last;) {
    if (at + BLOCK_HEADER_BYTES > buf.length) return false
    const header = buf.readUIntLE(at, BLOCK_HEADER_BYTES)
    last = (header & 1) !== 0
    const type = (header >>> 1) & 3
    if (type === Block.reserved) return false
    at += BLOCK_HEADER_BYTES + (type === Block.repeated ? 1 : header >>> 3)
  }
  return at + ((descriptor & 0x04) === 0 ? 0 : CHECKSUM_BYTES) === buf.length
}
