import { createRequire } from 'node:module'

/** Below this many bytes the table in JavaScript beats the call into native code. */
const NATIVE_BYTES_MIN = 250

/** The Castagnoli polynomial, bits reversed. */
const POLYNOMIAL = 0x82f63b78

const tables = slicingTables()
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables

type NativeCrc = (input: Uint8Array, initial: number) => number

/** `null`: the package could not be loaded on this machine; `undefined`: not tried yet. */
let native: NativeCrc | null | undefined

/**
 * CRC-32C (Castagnoli) of `buf[start, end)` as an unsigned 32-bit number, as Kafka computes it over a record batch.
 * (`zlib.crc32` is another polynomial.)
 *
 * @param initial the checksum of the bytes before, for data that come in pieces; default 0, none
 */
export function crc32c(buf: Buffer, start = 0, end = buf.length, initial = 0): number {
  if (end - start < NATIVE_BYTES_MIN) return crc32cPortable(buf, start, end, initial)
  if (native === undefined) native = loadNative()
  if (native === null) return crc32cPortable(buf, start, end, initial)
  return native(start === 0 && end === buf.length ? buf : buf.subarray(start, end), initial)
}

/** The same without native code: eight bytes per step ("slicing by 8"), about 2 GB/s. */
export function crc32cPortable(buf: Buffer, start = 0, end = buf.length, initial = 0): number {
  let crc = ~initial
  let at = start
  for (const last = end - 7; at < last; at += 8) {
    const low = crc ^ (buf[at]! | (buf[at + 1]! << 8) | (buf[at + 2]! << 16) | (buf[at + 3]! << 24))
    crc =
      t7[low & 0xff]! ^
      t6[(low >>> 8) & 0xff]! ^
      t5[(low >>> 16) & 0xff]! ^
      t4[low >>> 24]! ^
      t3[buf[at + 4]!]! ^
      t2[buf[at + 5]!]! ^
      t1[buf[at + 6]!]! ^
      t0[buf[at + 7]!]!
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ t0[(crc ^ buf[at]!) & 0xff]!
  return ~crc >>> 0
}

function loadNative(): NativeCrc | null {
  try {
    const loaded = createRequire(import.meta.url)('@node-rs/crc32') as { crc32c: NativeCrc }
    return loaded.crc32c
  } catch {
    // No prebuilt binary for this platform: slower, but right.
    return null
  }
}

type Tables = readonly [Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array]

/** Table k gives the effect of a byte that stands k bytes before the end of the step. */
function slicingTables(): Tables {
  const all: Tables = [table(), table(), table(), table(), table(), table(), table(), table()]
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    all[0][byte] = crc
  }
  for (let k = 1; k < 8; k++) {
    for (let byte = 0; byte < 256; byte++) {
      const previous = all[k - 1]![byte]!
      all[k]![byte] = (previous >>> 8) ^ all[0][previous & 0xff]!
    }
  }
  return all
}

function table(): Int32Array {
  return new Int32Array(256)
}
