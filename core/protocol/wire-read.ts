import type { Reader } from '../base/bytes.ts'
import { MoldauError } from '../base/errors.ts'
import { NULL_FIELD, STRING_MAX } from './wire-limits.ts'

/** The reading half of wire.ts. */

function corrupt(message: string): never {
  throw new MoldauError('CORRUPT_FRAME', message)
}

export function readNullableString(r: Reader): string | null {
  const length = r.int16()
  return length < 0 ? null : r.string(length)
}

export function readString(r: Reader): string {
  const length = r.int16()
  return length < 0 ? corrupt(NULL_FIELD) : r.string(length)
}

export function readCompactNullableString(r: Reader): string | null {
  const length = r.uvarint() - 1
  if (length > STRING_MAX) corrupt(`a string of ${length} bytes, over ${STRING_MAX}`)
  return length < 0 ? null : r.string(length)
}

export function readCompactString(r: Reader): string {
  return readCompactNullableString(r) ?? corrupt(NULL_FIELD)
}

export function readNullableBytes(r: Reader): Buffer | null {
  const length = r.int32()
  return length < 0 ? null : r.slice(length)
}

export function readBytes(r: Reader): Buffer {
  return readNullableBytes(r) ?? corrupt(NULL_FIELD)
}

export function readCompactNullableBytes(r: Reader): Buffer | null {
  const length = r.uvarint() - 1
  return length < 0 ? null : r.slice(length)
}

export function readCompactBytes(r: Reader): Buffer {
  return readCompactNullableBytes(r) ?? corrupt(NULL_FIELD)
}

function bounded(r: Reader, count: number, elementBytes: number): number {
  if (count * elementBytes > r.remaining)
    corrupt(`${count} elements of at least ${elementBytes} bytes each announced, ${r.remaining} bytes left`)
  return count
}

/** The count of an array, -1 for null: never more than the bytes that remain can hold, so that it is safe to allocate for it. */
export function readNullableCount(r: Reader, elementBytes: number): number {
  return bounded(r, Math.max(r.int32(), -1), elementBytes)
}

export function readCount(r: Reader, elementBytes: number): number {
  const count = r.int32()
  return count < 0 ? corrupt(NULL_FIELD) : bounded(r, count, elementBytes)
}

export function readCompactNullableCount(r: Reader, elementBytes: number): number {
  return bounded(r, r.uvarint() - 1, elementBytes)
}

export function readCompactCount(r: Reader, elementBytes: number): number {
  const count = r.uvarint() - 1
  return count < 0 ? corrupt(NULL_FIELD) : bounded(r, count, elementBytes)
}

/** True when a struct follows, false when it is null. */
export function readPresence(r: Reader): boolean {
  return r.int8() >= 0
}

/** The same in a tagged trailer, where Kafka writes 0 for null in place of -1. */
export function readTaggedPresence(r: Reader): boolean {
  return r.uvarint() > 0
}

/** Passes over a trailer of which no tag is known. */
export function skipTags(r: Reader): void {
  for (let left = r.uvarint(); left > 0; left--) {
    r.uvarint()
    skip(r, r.uvarint())
  }
}

export function skip(r: Reader, size: number): void {
  if (size > r.remaining) corrupt(`a tagged field of ${size} bytes, ${r.remaining} left`)
  r.pos += size
}

/** Narrows the reader to one tagged field. Returns the end to give to {@link leaveTag}. */
export function enterTag(r: Reader): number {
  const size = r.uvarint()
  if (size > r.remaining) corrupt(`a tagged field of ${size} bytes, ${r.remaining} left`)
  const outer = r.end
  r.end = r.pos + size
  return outer
}

export function leaveTag(r: Reader, outer: number): void {
  if (r.pos !== r.end) corrupt(`a tagged field has ${r.end - r.pos} bytes too many`)
  r.end = outer
}
