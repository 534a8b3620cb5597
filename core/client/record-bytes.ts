import { Buffer } from 'node:buffer'
import { isUint8Array } from 'node:util/types'

import { MoldauError } from '../base/errors.ts'
import type { Header } from '../record/header.ts'
import { shown } from './checks.ts'
import type { NewHeader } from './types.ts'

/** A key or a value as a program may give it. Whether it is a Buffer is asked for each record: by its constructor, which costs next to nothing. */
export type Bytes = Buffer | string | null

/** Strings are written as UTF-8. @throws MoldauError INVALID_ARGUMENT: what has no bytes would be written as those of other records */
export function keyBytes(topic: string, key: Bytes | undefined): Buffer | null {
  return key === null || key?.constructor === Buffer ? (key as Buffer | null) : key === undefined ? null : encoded(topic, 'key', key)
}

/** The same for a value, which may not be left out: null is what deletes a key. */
export function valueBytes(topic: string, value: Bytes): Buffer | null {
  return value === null || value?.constructor === Buffer ? (value as Buffer | null) : encoded(topic, 'value', value)
}

/** How many bytes these are, without making them. @throws MoldauError INVALID_ARGUMENT */
export function lengthOf(topic: string, what: string, value: Bytes | undefined): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  return value === null ? 0 : isUint8Array(value) ? value.length : refuse(topic, what, value)
}

/** Headers with their values as bytes: the same list where they are that already. @throws MoldauError INVALID_ARGUMENT */
export function headersOf(topic: string, headers: readonly NewHeader[]): readonly Header[] {
  if (!Array.isArray(headers)) {
    const message = `record for '${topic}': headers must be a list of { key, value }, not ${shown(headers)}`
    throw new MoldauError('INVALID_ARGUMENT', message)
  }
  let areBytes = true
  for (const header of headers as readonly NewHeader[]) {
    if (typeof header !== 'object' || header === null || typeof header.key !== 'string') {
      throw new MoldauError('INVALID_ARGUMENT', `record for '${topic}': a header must be { key: text, value }, not ${shown(header)}`)
    }
    if (header.value !== null && !(header.value instanceof Buffer)) areBytes = false
  }
  if (areBytes) return headers as readonly Header[]
  return headers.map(({ key, value }) => ({ key, value: value === null ? null : encoded(topic, `value of header '${key}'`, value) }))
}

function encoded(topic: string, what: string, value: unknown): Buffer {
  if (typeof value === 'string') return Buffer.from(value)
  if (value instanceof Buffer) return value
  if (isUint8Array(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return refuse(topic, what, value)
}

function refuse(topic: string, what: string, value: unknown): never {
  const hint = value === undefined ? '; null stands for none, which as the value of a record is a tombstone' : ''
  const message = `record for '${topic}': the ${what} must be a Buffer, a Uint8Array, text or null, not ${shown(value)}${hint}`
  throw new MoldauError('INVALID_ARGUMENT', message)
}
