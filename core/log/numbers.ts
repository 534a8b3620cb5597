const TWO_32 = 2 ** 32

/**
 * A big-endian int64 as a number, for bytes that may be damaged: beyond 2^53 it comes out rounded instead of throwing, and no check
 * lets such a number pass as an offset.
 */
export function getInt64(buf: Buffer, at: number): number {
  return buf.readInt32BE(at) * TWO_32 + buf.readUInt32BE(at + 4)
}

/** Writes a safe integer as a big-endian int64. */
export function putInt64(buf: Buffer, at: number, value: number): void {
  buf.writeInt32BE(Math.floor(value / TWO_32), at)
  buf.writeUInt32BE(value >>> 0, at + 4)
}
