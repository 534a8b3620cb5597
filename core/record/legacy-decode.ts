import { MoldauError } from '../base/errors.ts'
import { decompress } from './compression.ts'
import type { CompressionName } from './compression-names.ts'
import { type LegacyMessage, corruptMessage, messageSize, readMessage } from './legacy-message.ts'
import { repairedLz4 } from './legacy-lz4.ts'

/** The messages of a set, those inside wrappers included, with their final offsets. */
export interface LegacySet {
  readonly messages: readonly LegacyMessage[]
  /** Of the last wrapper; 'none' without one. */
  readonly compression: CompressionName
}

/** A message in a set is no smaller: what a set may claim is bounded by its bytes. */
interface Budget {
  bytes: number
}

/**
 * Decodes a message set of format 0 or 1. A message that is cut off at the end is left out, as the formats allow.
 *
 * @param maxBytes what all wrappers together may grow to by decompression
 * @throws CORRUPT_BATCH when a message is damaged, a wrapper holds what it must not, or the formats are mixed
 */
export function decodeMessageSet(buf: Buffer, maxBytes: number): LegacySet {
  const budget = { bytes: maxBytes }
  const messages: LegacyMessage[] = []
  let compression: CompressionName = 'none'
  for (const message of eachMessage(buf, true)) {
    if (messages.length > 0 && message.magic !== messages[0]!.magic) {
      throw corruptMessage(`a set of magic ${messages[0]!.magic} holds a message of magic ${message.magic}`)
    }
    if (message.compression === 'none') messages.push(message)
    else {
      compression = message.compression
      for (const inner of unwrap(message, budget)) messages.push(inner)
    }
  }
  return { messages, compression }
}

function* eachMessage(buf: Buffer, mayBeCut: boolean): Generator<LegacyMessage, void> {
  for (let at = 0; at < buf.length;) {
    const size = messageSize(buf, at, buf.length)
    if (size === undefined) {
      if (mayBeCut) return
      throw corruptMessage(`a compressed set ends inside a message, ${buf.length - at} bytes are left`)
    }
    yield readMessage(buf, at, size)
    at += size
  }
}

/** Inner offsets are absolute in format 0; in format 1 they count from the first, and the wrapper has the offset of the last (KIP-31). */
function unwrap(wrapper: LegacyMessage, budget: Budget): LegacyMessage[] {
  const { magic, compression } = wrapper
  if (wrapper.value === null) throw corruptMessage('a wrapper has no value')
  const packed = compression === 'lz4' && magic === 0 ? repairedLz4(wrapper.value) : wrapper.value
  const plain = decompress(compression, packed, budget.bytes)
  budget.bytes -= plain.length
  const inner = [...eachMessage(plain, false)]
  if (inner.length === 0) throw corruptMessage('a wrapper holds no messages')
  for (const message of inner) {
    if (message.magic !== magic) throw corruptMessage(`a wrapper of magic ${magic} holds a message of magic ${message.magic}`)
    if (message.compression !== 'none') throw corruptMessage('a wrapper holds a wrapper')
  }
  if (magic === 0) return inner
  const base = wrapper.offset - inner.at(-1)!.offset
  const { logAppendTime } = wrapper
  return inner.map((message) => ({
    ...message,
    offset: base + message.offset,
    logAppendTime,
    timestamp: logAppendTime ? wrapper.timestamp : message.timestamp,
  }))
}

/** Whether `records` are of format 0 or 1: the magic stands at the same place in all formats. */
export function isLegacy(records: Buffer): boolean {
  const magic = records[16]
  return magic === 0 || magic === 1
}

/** Whether the error says that the bytes are no good. */
export function isCorruptBatch(error: unknown): error is MoldauError {
  return error instanceof MoldauError && error.code === 'CORRUPT_BATCH'
}
