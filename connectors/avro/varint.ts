/** Avro's `long`: zigzag, seven bits a byte. Counts and sizes of a container file stay far below 2^53. */

/** Writes `n` (a whole number, 0 or above) at `at`; the position behind it. */
export function putLong(buffer: Buffer, n: number, at: number): number {
  let rest = n * 2
  let position = at
  while (rest >= 0x80) {
    buffer[position++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  buffer[position++] = rest
  return position
}

/** Longest form of a long. */
export const LONG_BYTES_MAX = 10

export function longBytes(n: number): Buffer {
  const buffer = Buffer.alloc(LONG_BYTES_MAX)
  return buffer.subarray(0, putLong(buffer, n, 0))
}

/** Position behind the long that {@link readLong} read last; -1: the bytes ended too early or the number is too large. */
export let longEnd = 0

/** Reads a long at `at`, not beyond `end`; see {@link longEnd}. */
export function readLong(buffer: Buffer, at: number, end: number): number {
  let value = 0
  let factor = 1
  for (let position = at; position < end && position < at + LONG_BYTES_MAX; position++) {
    const byte = buffer[position]!
    value += (byte & 0x7f) * factor
    if (byte < 0x80) {
      longEnd = value > Number.MAX_SAFE_INTEGER ? -1 : position + 1
      return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
    factor *= 0x80
  }
  longEnd = -1
  return 0
}
