import { MoldauError } from '../base/errors.ts'

const TWO_32 = 2 ** 32

/** The big-endian int64 at `at` as a number; a value beyond 2^53 is an error, because a batch of a real cluster has none. */
export function readInt64(buf: Buffer, at: number): number {
  const value = buf.readInt32BE(at) * TWO_32 + buf.readUInt32BE(at + 4)
  if (!Number.isSafeInteger(value)) {
    throw new MoldauError(
      'CORRUPT_BATCH',
      `record batch: the int64 at byte ${at} is beyond 2^53: moldau keeps offsets, times and ids as numbers`,
    )
  }
  return value
}

/** Writes a safe integer as a big-endian int64. */
export function writeInt64(buf: Buffer, at: number, value: number): void {
  buf.writeInt32BE(Math.floor(value / TWO_32), at)
  buf.writeInt32BE(value | 0, at + 4)
}
