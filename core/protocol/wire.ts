import type { Reader, Writer } from '../base/bytes.ts'
import { MoldauError } from '../base/errors.ts'

/**
 * Lengths, counts and tags as Kafka writes them: in 16 or 32 bits before a message is flexible, as unsigned varint plus one
 * ("compact") after. A negative or zero length means null. The codecs, compiled and interpreted, are built from these.
 */

/** Kafka's own limit, in compact form too. */
const STRING_MAX = 0x7fff
const NULL_FIELD = 'null in a field that cannot be null in this version'

function corrupt(message: string): never {
  throw new MoldauError('CORRUPT_FRAME', message)
}

function refuse(message: string): never {
  throw new MoldauError('INVALID_ARGUMENT', message)
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

function stringSize(text: string): number {
  const size = Buffer.byteLength(text)
  return size > STRING_MAX ? refuse(`a string of ${size} bytes, over ${STRING_MAX}`) : size
}

export function writeString(w: Writer, text: string): void {
  w.int16(stringSize(text))
  w.string(text)
}

export function writeNullableString(w: Writer, text: string | null): void {
  if (text === null) w.int16(-1)
  else writeString(w, text)
}

export function writeCompactString(w: Writer, text: string): void {
  w.uvarint(stringSize(text) + 1)
  w.string(text)
}

export function writeCompactNullableString(w: Writer, text: string | null): void {
  if (text === null) w.uvarint(0)
  else writeCompactString(w, text)
}

function checkBytes(value: Buffer): void {
  if (!Buffer.isBuffer(value)) refuse(`${value === null ? NULL_FIELD : `a ${typeof value} where a Buffer is wanted`}`)
}

export function writeBytes(w: Writer, value: Buffer): void {
  checkBytes(value)
  w.int32(value.length)
  w.bytes(value)
}

export function writeNullableBytes(w: Writer, value: Buffer | null): void {
  if (value === null) w.int32(-1)
  else writeBytes(w, value)
}

export function writeCompactBytes(w: Writer, value: Buffer): void {
  checkBytes(value)
  w.uvarint(value.length + 1)
  w.bytes(value)
}

export function writeCompactNullableBytes(w: Writer, value: Buffer | null): void {
  if (value === null) w.uvarint(0)
  else writeCompactBytes(w, value)
}

type Records = Buffer | readonly Buffer[]

function recordsSize(value: Records): number {
  if (Buffer.isBuffer(value)) return value.length
  if (!Array.isArray(value)) checkBytes(value as never)
  let size = 0
  for (const slice of value) {
    checkBytes(slice as Buffer)
    size += slice.length
  }
  return size
}

function appendRecords(w: Writer, value: Records): void {
  if (Buffer.isBuffer(value)) w.bytes(value)
  else for (const slice of value) w.bytes(slice)
}

export function writeRecords(w: Writer, value: Records): void {
  w.int32(recordsSize(value))
  appendRecords(w, value)
}

export function writeNullableRecords(w: Writer, value: Records | null): void {
  if (value === null) w.int32(-1)
  else writeRecords(w, value)
}

export function writeCompactRecords(w: Writer, value: Records): void {
  w.uvarint(recordsSize(value) + 1)
  appendRecords(w, value)
}

export function writeCompactNullableRecords(w: Writer, value: Records | null): void {
  if (value === null) w.uvarint(0)
  else writeCompactRecords(w, value)
}

/** Writes the count of an array that is not null. */
export function writeCount(w: Writer, list: readonly unknown[]): void {
  if (!Array.isArray(list)) refuse(list === null ? NULL_FIELD : 'something that is not an array')
  w.int32(list.length)
}

export function writeCompactCount(w: Writer, list: readonly unknown[]): void {
  if (!Array.isArray(list)) refuse(list === null ? NULL_FIELD : 'something that is not an array')
  w.uvarint(list.length + 1)
}

/** Writes a tagged field: number, size, and what `part` holds. */
export function writeTag(w: Writer, tag: number, part: Writer): void {
  w.uvarint(tag)
  w.uvarint(part.length)
  w.append(part)
}

/** A field that the version does not have was given a value that would get lost. */
export function refuseAbsent(): never {
  refuse('has a value, but this version of the message cannot carry it')
}
