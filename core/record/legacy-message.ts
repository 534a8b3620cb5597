import { crc32 } from 'node:zlib'
import { MoldauError } from '../base/errors.ts'
import { type CompressionName, compressionNames } from './compression-names.ts'
import { readInt64 } from './int64.ts'

/**
 * One message of the formats 0 and 1 (Kafka 0.8 to 0.10), read in place: offset, length, CRC-32, magic, attributes, in format 1 a
 * timestamp, then key and value. A set of them is what Produce 0 to 2 sends and Fetch 0 to 3 answers; in a compressed set, messages stand
 * in the value of another one, the wrapper. `org.apache.kafka.common.record.LegacyRecord` defines the layout.
 */

/** Bytes before the part that the length counts. */
export const MESSAGE_LOG_OVERHEAD = 12
/** Of a message without timestamp, key and value, as the length counts. */
export const MESSAGE_BYTES_MIN = 14
export const TIMESTAMP_BYTES = 8

/** Where the fields stand, in bytes from the start; key and value stand 8 bytes further on in format 1. */
export const MessageField = { offset: 0, length: 8, crc: 12, magic: 16, attributes: 17, timestamp: 18, keyLength: 18 } as const

export const LEGACY_COMPRESSION_MASK = 0x07
/** Format 1 only: the broker set the timestamp. */
export const LEGACY_LOG_APPEND_TIME = 0x08
/** Zstandard is younger than these formats. */
const COMPRESSION_MAX = 3

export type LegacyMagic = 0 | 1

/** A message as its header tells; key and value are views. */
export interface LegacyMessage {
  readonly offset: number
  readonly magic: LegacyMagic
  /** Of its value: the messages of a wrapper. */
  readonly compression: CompressionName
  /** Milliseconds since 1970, -1 for none: in format 0 always. */
  readonly timestamp: number
  readonly logAppendTime: boolean
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** Bytes of the whole message, or undefined when fewer than that are left: a fetch of before 0.10.1 may cut off the last message. */
export function messageSize(buf: Buffer, at: number, end: number): number | undefined {
  if (end - at < MESSAGE_LOG_OVERHEAD) return undefined
  const length = buf.readInt32BE(at + MessageField.length)
  if (length < MESSAGE_BYTES_MIN) throw corruptMessage(`its length is ${length}, no message is so short`)
  return length > end - at - MESSAGE_LOG_OVERHEAD ? undefined : MESSAGE_LOG_OVERHEAD + length
}

/**
 * The message of `size` bytes at `at`.
 *
 * @throws CORRUPT_BATCH for a wrong checksum, magic or length
 */
export function readMessage(buf: Buffer, at: number, size: number): LegacyMessage {
  const end = at + size
  const magic = buf[at + MessageField.magic]!
  if (magic !== 0 && magic !== 1) throw corruptMessage(`magic ${magic} is not one of 0 and 1`)
  if (crc32(buf.subarray(at + MessageField.magic, end)) !== buf.readUInt32BE(at + MessageField.crc)) {
    throw corruptMessage('it does not match its checksum')
  }
  const attributes = buf[at + MessageField.attributes]!
  const compression = attributes & LEGACY_COMPRESSION_MASK
  if (compression > COMPRESSION_MAX) throw corruptMessage(`compression ${compression} is unknown (0 to 3 are none, gzip, snappy, lz4)`)
  const keyAt = at + MessageField.keyLength + magic * TIMESTAMP_BYTES
  const key = readBytes(buf, keyAt, end, 'key')
  const valueAt = keyAt + 4 + (key?.length ?? 0)
  const value = readBytes(buf, valueAt, end, 'value')
  const behind = valueAt + 4 + (value?.length ?? 0)
  if (behind !== end) throw corruptMessage(`${end - behind} bytes follow its value`)
  return {
    offset: readInt64(buf, at),
    magic,
    compression: compressionNames[compression]!,
    timestamp: magic === 0 ? -1 : readInt64(buf, at + MessageField.timestamp),
    logAppendTime: magic === 1 && (attributes & LEGACY_LOG_APPEND_TIME) !== 0,
    key,
    value,
  }
}

function readBytes(buf: Buffer, at: number, end: number, what: string): Buffer | null {
  if (end - at < 4) throw corruptMessage(`it ends before the length of its ${what}`)
  const length = buf.readInt32BE(at)
  if (length === -1) return null
  if (length < 0 || length > end - at - 4) throw corruptMessage(`its ${what} claims ${length} bytes, ${end - at - 4} are left`)
  return buf.subarray(at + 4, at + 4 + length)
}

export function corruptMessage(what: string): MoldauError {
  return new MoldauError('CORRUPT_BATCH', `message of before Kafka 0.11: ${what}`)
}
