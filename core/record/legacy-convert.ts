import * as batch from './batch.ts'
import { BatchBuilder } from './builder.ts'
import { type RecordColumns, DECOMPRESSED_BYTES_MAX, decodeBatch } from './columns.ts'
import { decodeMessageSet } from './legacy-decode.ts'
import { type MessageToWrite, encodeMessage, encodeWrapper } from './legacy-encode.ts'
import { type LegacyMagic, corruptMessage } from './legacy-message.ts'

/**
 * A message set of format 0 or 1 as one record batch with base offset 0, in the same compression. Offsets that the producer gave do not
 * count; in format 0 there are no timestamps (-1).
 *
 * @throws CORRUPT_BATCH when the set is damaged or holds no message
 */
export function upConvert(set: Buffer, maxBytes = DECOMPRESSED_BYTES_MAX): Buffer {
  const { messages, compression } = decodeMessageSet(set, maxBytes)
  if (messages.length === 0) throw corruptMessage('a set holds no whole message')
  const builder = new BatchBuilder({ compression, sizeHint: set.length + batch.BATCH_OVERHEAD })
  let logAppendTime = false
  for (const message of messages) {
    if (message.timestamp < batch.NO_TIMESTAMP) throw corruptMessage(`timestamp ${message.timestamp} is before 1970`)
    builder.append(message.timestamp, message.key, message.value)
    logAppendTime ||= message.logAppendTime
  }
  return builder.build(logAppendTime ? { logAppendTime: builder.maxTimestamp } : {})
}

/**
 * The batch at `at` in format 0 or 1, piece by piece: what clients of before 0.11 can read. Headers, producer and transaction are dropped;
 * timestamps are kept in format 1. An uncompressed batch becomes messages from the offset `from` on; a compressed one becomes one wrapper.
 * Nothing is left of a control batch: markers are not for these clients. Kafka's `RecordsUtil`.
 *
 * @throws CORRUPT_BATCH
 */
export function* downConvert(buf: Buffer, at: number, magic: LegacyMagic, from: number): Generator<Buffer, void> {
  if (batch.isControl(buf, at)) return
  const columns = decodeBatch(buf, at)
  const options = { magic, logAppendTime: batch.timestampType(buf, at) === 'LogAppendTime' }
  const compression = batch.compressionOf(buf, at)
  if (compression !== 'none') {
    // All of them or none: compaction may have taken all records from `from` on, and a client that gets nothing newer asks for ever.
    if (columns.count === 0 || columns.offset(columns.count - 1) < from) return
    const messages = Array.from({ length: columns.count }, (_, i) => messageAt(columns, i))
    yield encodeWrapper(messages, options, compression)
    return
  }
  for (let i = 0; i < columns.count; i++) if (columns.offset(i) >= from) yield encodeMessage(messageAt(columns, i), options)
}

function messageAt(columns: RecordColumns, i: number): MessageToWrite {
  // Format 1 knows -1 for none, and nothing else before 1970.
  return { offset: columns.offset(i), timestamp: Math.max(columns.timestamp(i), -1), key: columns.key(i), value: columns.value(i) }
}
