import { type Header, noHeaders } from './header.ts'
import { putVarint, varintSize } from './varint.ts'

/** Up to here a loop copies faster than a call of `set`. */
const LOOP_COPY_MAX = 12

/** At most this many bytes go into a batch for a record: what a producer asks before it appends. */
export function recordSizeMax(keyLength: number, valueLength: number, headers: readonly Header[] = noHeaders): number {
  // length 5, attributes 1, timestamp 10, offset 5, two lengths of 5
  return 31 + keyLength + valueLength + headersSize(headers)
}

/** Bytes of the headers of a record, their number included. */
export function headersSize(headers: readonly Header[]): number {
  let size = varintSize(headers.length)
  for (const { key, value } of headers) {
    const keyLength = Buffer.byteLength(key)
    size += varintSize(keyLength) + keyLength
    size += value === null ? 1 : varintSize(value.length) + value.length
  }
  return size
}

/** Writes them; returns the position after. */
export function putHeaders(buffer: Buffer, at: number, headers: readonly Header[]): number {
  at = putVarint(buffer, at, headers.length)
  for (const { key, value } of headers) {
    const keyLength = Buffer.byteLength(key)
    at = putVarint(buffer, at, keyLength)
    at += buffer.write(key, at, keyLength, 'utf8')
    at = putVarint(buffer, at, value === null ? -1 : value.length)
    if (value !== null) at = putBytes(buffer, at, value)
  }
  return at
}

/** Copies `bytes` to `at`; returns the position after. */
export function putBytes(buffer: Buffer, at: number, bytes: Buffer): number {
  const length = bytes.length
  if (length > LOOP_COPY_MAX) buffer.set(bytes, at)
  else for (let i = 0; i < length; i++) buffer[at + i] = bytes[i]!
  return at + length
}
