import { corruptMessage } from './legacy-message.ts'
import { xxh32 } from './xxh32.ts'

/**
 * The lz4 frames in messages of format 0 have a wrong checksum in their header: Kafka computed it over the magic number, too, and kept it
 * so (KIP-57). Readers of format 0 may insist on the wrong one, lz4 itself on the right one.
 */

const MAGIC_BYTES = 4
const CONTENT_SIZE_FLAG = 0x08

/** The frame with the checksum that lz4 wants, whatever it has: Kafka does not check it in format 0. A copy. */
export function repairedLz4(frame: Buffer): Buffer {
  return withChecksum(frame, MAGIC_BYTES)
}

/** The frame with the checksum that clients of format 0 expect. A copy. */
export function brokenLz4(frame: Buffer): Buffer {
  return withChecksum(frame, 0)
}

/** The checksum stands behind the header that begins with the flags, or (wrongly) with the magic number. */
function withChecksum(frame: Buffer, from: number): Buffer {
  const at = MAGIC_BYTES + 2 + (((frame[MAGIC_BYTES] ?? 0) & CONTENT_SIZE_FLAG) === 0 ? 0 : 8)
  if (at >= frame.length) throw corruptMessage(`an lz4 frame of ${frame.length} bytes is shorter than its header`)
  const copy = Buffer.from(frame)
  copy[at] = (xxh32(frame.subarray(from, at)) >>> 8) & 0xff
  return copy
}
