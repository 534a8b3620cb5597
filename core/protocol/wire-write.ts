import type { Writer } from '../base/bytes.ts'
import { MoldauError } from '../base/errors.ts'
import { NULL_FIELD, STRING_MAX } from './wire-limits.ts'

/** The writing half of wire.ts. */

function refuse(message: string): never {
  throw new MoldauError('INVALID_ARGUMENT', message)
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
  throw new MoldauError('UNSUPPORTED_VERSION', 'has a value, but this version of the message cannot carry it')
}
