import { MoldauError } from '../base/errors.ts'

/**
 * Zigzag varints as records carry them. Writers return the position after what they wrote, so that a record is written with one
 * local variable. The reader of a long number leaves the position in {@link nextPosition}, because returning two values would allocate.
 */

/** Bytes of a 32-bit zigzag varint. */
export function varintSize(value: number): number {
  return uvarintSize(((value << 1) ^ (value >> 31)) >>> 0)
}

function uvarintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5
}

/** Bytes of a 64-bit zigzag varint of a safe integer. */
export function varlongSize(value: number): number {
  if (value === (value | 0)) return varintSize(value)
  let rest = Math.floor((value < 0 ? -1 - value : value) / 64)
  let size = 1
  for (; rest > 0; size++) rest = Math.floor(rest / 128)
  return size
}

/** Writes a 32-bit zigzag varint. */
export function putVarint(buf: Uint8Array, at: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  while (rest > 0x7f) {
    buf[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  buf[at] = rest
  return at + 1
}

/** Writes a 64-bit zigzag varint of a safe integer: the sign and six bits first, so that no double beyond 2^53 appears. */
export function putVarlong(buf: Uint8Array, at: number, value: number): number {
  if (value === (value | 0)) return putVarint(buf, at, value)
  const magnitude = value < 0 ? -1 - value : value
  let low = ((magnitude % 64) << 1) | (value < 0 ? 1 : 0)
  let rest = Math.floor(magnitude / 64)
  while (rest > 0) {
    buf[at++] = low | 0x80
    low = rest % 128
    rest = Math.floor(rest / 128)
  }
  buf[at] = low
  return at + 1
}

/** Position after the number that {@link readVarint} or {@link readVarlong} read last. */
export let nextPosition = 0

/** A 32-bit zigzag varint in `buf[at, end)`. Nearly all take one byte or two: small enough to be compiled into the caller's loop. */
export function readVarint(buf: Uint8Array, at: number, end: number): number {
  if (at + 1 >= end) return readAnyVarint(buf, at, end)
  const low = buf[at]!
  if (low < 0x80) {
    nextPosition = at + 1
    return (low >>> 1) ^ -(low & 1)
  }
  const high = buf[at + 1]!
  if (high > 0x7f) return readAnyVarint(buf, at, end)
  nextPosition = at + 2
  const value = (low & 0x7f) | (high << 7)
  return (value >>> 1) ^ -(value & 1)
}

function readAnyVarint(buf: Uint8Array, at: number, end: number): number {
  let value = 0
  for (let shift = 0; shift < 35; shift += 7) {
    if (at >= end) throw pastEnd()
    const byte = buf[at++]!
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) {
      if (shift === 28 && byte > 0x0f) break
      nextPosition = at
      return (value >>> 1) ^ -(value & 1)
    }
  }
  throw new MoldauError('CORRUPT_BATCH', 'record batch: a varint has more than 32 bits')
}

/** A 64-bit zigzag varint in `buf[at, end)`; beyond 2^53 it is an error. */
export function readVarlong(buf: Uint8Array, at: number, end: number): number {
  if (at >= end) throw pastEnd()
  let byte = buf[at++]!
  if (byte < 0x80) {
    nextPosition = at
    return (byte >>> 1) ^ -(byte & 1)
  }
  const negative = (byte & 1) === 1
  let magnitude = (byte & 0x7f) >>> 1
  for (let factor = 64; byte > 0x7f; factor *= 128) {
    if (at >= end) throw pastEnd()
    byte = buf[at++]!
    magnitude += (byte & 0x7f) * factor
    if (magnitude > Number.MAX_SAFE_INTEGER) throw new MoldauError('CORRUPT_BATCH', 'record batch: a varlong is beyond 2^53')
    if (factor > 2 ** 62) throw new MoldauError('CORRUPT_BATCH', 'record batch: a varlong has more than 64 bits')
  }
  nextPosition = at
  return negative ? -1 - magnitude : magnitude
}

function pastEnd(): MoldauError {
  return new MoldauError('CORRUPT_BATCH', 'record batch: a number runs past the end of the batch')
}
