import { createHash } from 'node:crypto'

/**
 * How the key of a changelog, `<key><place>`, becomes the key under which its value stands on disk, whose order is that in which a store reads:
 *
 * - `by: 'key'` without a place: one value per key, in the order of the keys' bytes;
 * - `by: 'place'`: by window, and in it by key;
 * - `by: 'key'` with a place: all of one key together, by time; and an index by time over all keys.
 */
export interface Layout {
  readonly by: 'key' | 'place'
  /** Bytes of the place at the end of the changelog's key: time, big-endian int64, then, of a timeline, the number of the record, uint32. */
  readonly placeBytes: 0 | 8 | 12
}

/** What stands on disk for one key of the changelog. */
export interface Row {
  /** The key, as the store's serde wrote it. */
  readonly key: Buffer
  readonly place: Buffer
  readonly timestamp: number
  readonly value: Buffer
}

/** Longer keys are cut and hashed on disk; the whole key is then beside the value. lmdb takes 1978 bytes. */
const KEY_BYTES_MAX = 900
const HASH_BYTES = 32
/** Of the value on disk: whether the whole key follows; the time, float64. */
const HEAD_BYTES = 9

/** Of a changelog's key. */
export function diskKey(layout: Layout, changelogKey: Buffer): Buffer {
  const end = changelogKey.length - layout.placeBytes
  const key = fitted(changelogKey.subarray(0, end))
  const place = ordered(changelogKey.subarray(end))
  if (layout.placeBytes === 0) return Buffer.concat([SOME, key])
  return layout.by === 'place' ? Buffer.concat([place, key]) : Buffer.concat([startOf(key), place])
}

/** An empty key is none to lmdb. */
const SOME = Buffer.from([0])

/** Where everything begins that stands on disk for a key of a timeline. */
export function keyStart(key: Buffer): Buffer {
  return startOf(fitted(key))
}

function startOf(key: Buffer): Buffer {
  const start = Buffer.allocUnsafe(2 + key.length)
  start.writeUInt16BE(key.length)
  key.copy(start, 2)
  return start
}

/** A time as it stands on disk: in the order of numbers. Infinity is behind all of them. */
export function timeKey(time: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  const whole = Number.isFinite(time) ? BigInt(Math.ceil(time)) : time > 0 ? (1n << 63n) - 1n : -(1n << 63n)
  bytes.writeBigInt64BE(whole)
  return ordered(bytes)
}

export function timeOf(place: Buffer): number {
  return Number(place.readBigInt64BE())
}

/** The least key behind all that begin with these bytes; undefined when there is none. */
export function behind(start: Buffer): Buffer | undefined {
  const end = Buffer.from(start)
  for (let at = end.length - 1; at >= 0; at--) {
    if (end[at] === 0xff) continue
    end[at]!++
    return end.subarray(0, at + 1)
  }
  return undefined
}

export function diskValue(layout: Layout, changelogKey: Buffer, timestamp: number, value: Buffer): Buffer {
  const keyLength = changelogKey.length - layout.placeBytes
  const long = keyLength > KEY_BYTES_MAX
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + (long ? 4 + keyLength : 0) + value.length)
  bytes[0] = long ? 1 : 0
  bytes.writeDoubleBE(timestamp, 1)
  if (long) {
    bytes.writeUInt32BE(keyLength, HEAD_BYTES)
    changelogKey.copy(bytes, HEAD_BYTES + 4, 0, keyLength)
  }
  value.copy(bytes, bytes.length - value.length)
  return bytes
}

export function readRow(layout: Layout, key: Buffer, bytes: Buffer): Row {
  const timestamp = bytes.readDoubleBE(1)
  const place = placeOf(layout, key)
  if (bytes[0] === 0) return { key: shortKey(layout, key), place, timestamp, value: bytes.subarray(HEAD_BYTES) }
  const end = HEAD_BYTES + 4 + bytes.readUInt32BE(HEAD_BYTES)
  return { key: bytes.subarray(HEAD_BYTES + 4, end), place, timestamp, value: bytes.subarray(end) }
}

function placeOf({ by, placeBytes }: Layout, key: Buffer): Buffer {
  return ordered(by === 'place' ? key.subarray(0, placeBytes) : key.subarray(key.length - placeBytes))
}

function shortKey({ by, placeBytes }: Layout, key: Buffer): Buffer {
  if (placeBytes === 0) return key.subarray(SOME.length)
  return by === 'place' ? key.subarray(placeBytes) : key.subarray(2, key.length - placeBytes)
}

/** The sign bit turned, so that bytes are in the order of numbers; and back. */
function ordered(place: Buffer): Buffer {
  if (place.length === 0) return place
  const turned = Buffer.from(place)
  turned[0]! ^= 0x80
  return turned
}

function fitted(key: Buffer): Buffer {
  if (key.length <= KEY_BYTES_MAX) return key
  const hash = createHash('sha256').update(key).digest()
  return Buffer.concat([key.subarray(0, KEY_BYTES_MAX - HASH_BYTES), hash])
}
