import { crc32 } from 'node:zlib'
import { compress } from './compression.ts'
import { type CompressionName, compressionId } from './compression-names.ts'
import { writeInt64 } from './int64.ts'
import { brokenLz4 } from './legacy-lz4.ts'
import {
  LEGACY_LOG_APPEND_TIME,
  type LegacyMagic,
  MESSAGE_BYTES_MIN,
  MESSAGE_LOG_OVERHEAD,
  MessageField,
  TIMESTAMP_BYTES,
  corruptMessage,
} from './legacy-message.ts'

/** What a message says. */
export interface MessageToWrite {
  readonly offset: number
  /** Dropped in format 0. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

export interface MessageOptions {
  readonly magic: LegacyMagic
  /** The broker set the timestamps. Default false. */
  readonly logAppendTime?: boolean
}

/** Bytes that a message takes in a set. */
export function encodedSize(magic: LegacyMagic, { key, value }: Pick<MessageToWrite, 'key' | 'value'>): number {
  return MESSAGE_LOG_OVERHEAD + MESSAGE_BYTES_MIN + magic * TIMESTAMP_BYTES + (key?.length ?? 0) + (value?.length ?? 0)
}

/** One message as bytes. */
export function encodeMessage(message: MessageToWrite, options: MessageOptions, compression: CompressionName = 'none'): Buffer {
  const { magic, logAppendTime = false } = options
  const { key, value } = message
  const size = encodedSize(magic, message)
  const buf = Buffer.allocUnsafe(size)
  writeInt64(buf, MessageField.offset, message.offset)
  buf.writeInt32BE(size - MESSAGE_LOG_OVERHEAD, MessageField.length)
  buf[MessageField.magic] = magic
  buf[MessageField.attributes] = compressionId(compression) | (magic === 1 && logAppendTime ? LEGACY_LOG_APPEND_TIME : 0)
  if (magic === 1) writeInt64(buf, MessageField.timestamp, message.timestamp)
  const valueAt = putBytes(buf, MessageField.keyLength + magic * TIMESTAMP_BYTES, key)
  putBytes(buf, valueAt, value)
  buf.writeUInt32BE(crc32(buf.subarray(MessageField.magic)), MessageField.crc)
  return buf
}

/**
 * A compressed set: one message, whose value is the set. It has the offset of the last message in it and, in format 1, the largest
 * timestamp.
 *
 * @param messages one or more, in order; gaps between their offsets stay
 */
export function encodeWrapper(messages: readonly MessageToWrite[], options: MessageOptions, compression: CompressionName): Buffer {
  if (compression === 'zstd') throw corruptMessage('zstd is younger than the message formats 0 and 1')
  const { magic } = options
  const base = magic === 0 ? 0 : messages[0]!.offset
  const inner = Buffer.concat(messages.map((message) => encodeMessage({ ...message, offset: message.offset - base }, options)))
  const packed = compress(compression, inner)
  const value = compression === 'lz4' && magic === 0 ? brokenLz4(packed) : packed
  const timestamp = messages.reduce((largest, message) => Math.max(largest, message.timestamp), -1)
  return encodeMessage({ offset: messages.at(-1)!.offset, timestamp, key: null, value }, options, compression)
}

function putBytes(buf: Buffer, at: number, bytes: Buffer | null): number {
  buf.writeInt32BE(bytes === null ? -1 : bytes.length, at)
  bytes?.copy(buf, at + 4)
  return at + 4 + (bytes?.length ?? 0)
}
