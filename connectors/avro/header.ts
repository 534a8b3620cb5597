import { MoldauError } from '../../core/base/errors.ts'
import { avroCodecs, type AvroCodec } from './codec.ts'
import { longBytes, longEnd, readLong } from './varint.ts'

/** The head of an object container file: magic, a map of metadata, a sync marker that ends it and every block. */
export interface AvroHeader {
  readonly schema: unknown
  readonly codec: AvroCodec
  readonly sync: Buffer
  /** Everything in the map, as text: `avro.schema`, `avro.codec`, and what the writer added. */
  readonly metadata: ReadonlyMap<string, string>
}

const MAGIC = Buffer.from('Obj\u0001', 'latin1')
export const SYNC_BYTES = 16

export function encodeHeader(schema: unknown, codec: AvroCodec, sync: Buffer, metadata: ReadonlyMap<string, string>): Buffer {
  const entries = new Map([['avro.schema', JSON.stringify(schema)], ['avro.codec', codec], ...metadata])
  const parts = [MAGIC, longBytes(entries.size)]
  for (const [key, value] of entries) parts.push(sized(key), sized(value))
  parts.push(longBytes(0), sync)
  return Buffer.concat(parts)
}

function sized(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([longBytes(bytes.length), bytes])
}

/** Reads a header from the start of `bytes`; undefined: there are too few yet. Throws CORRUPT_BATCH when it is no Avro file. */
export function decodeHeader(bytes: Buffer): { header: AvroHeader; end: number } | undefined {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC.subarray(0, Math.min(MAGIC.length, bytes.length)))) {
    throw new MoldauError('CORRUPT_BATCH', 'not an Avro container file: it does not begin with "Obj\\x01"')
  }
  const metadata = new Map<string, string>()
  let at = MAGIC.length
  for (;;) {
    let count = readLong(bytes, at, bytes.length)
    if (longEnd < 0) return undefined
    at = longEnd
    if (count === 0) break
    if (count < 0) {
      // A negative count is followed by the size of the block of entries in bytes.
      count = -count
      readLong(bytes, at, bytes.length)
      if (longEnd < 0) return undefined
      at = longEnd
    }
    for (let i = 0; i < count; i++) {
      const key = text(bytes, at)
      if (key === undefined) return undefined
      const value = text(bytes, key.end)
      if (value === undefined) return undefined
      metadata.set(key.text, value.text)
      at = value.end
    }
  }
  if (at + SYNC_BYTES > bytes.length) return undefined
  return { header: headerOf(metadata, Buffer.from(bytes.subarray(at, at + SYNC_BYTES))), end: at + SYNC_BYTES }
}

function text(bytes: Buffer, at: number): { text: string; end: number } | undefined {
  const length = readLong(bytes, at, bytes.length)
  if (longEnd < 0 || length < 0 || longEnd + length > bytes.length) return undefined
  const start = longEnd
  return { text: bytes.toString('utf8', start, start + length), end: start + length }
}

function headerOf(metadata: Map<string, string>, sync: Buffer): AvroHeader {
  const schema = metadata.get('avro.schema')
  if (schema === undefined) throw new MoldauError('CORRUPT_BATCH', 'an Avro container file without its schema')
  const codec = (metadata.get('avro.codec') ?? 'null') as AvroCodec
  if (!avroCodecs.includes(codec)) {
    throw new MoldauError('CORRUPT_BATCH', `an Avro container file with codec ${codec}, which is none of ${avroCodecs.join(', ')}`)
  }
  try {
    return { schema: JSON.parse(schema) as unknown, codec, sync, metadata }
  } catch (error) {
    throw new MoldauError('CORRUPT_BATCH', 'an Avro container file whose schema is not JSON', { cause: error })
  }
}
