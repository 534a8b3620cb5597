import { MoldauError } from '../base/errors.ts'
import { kafkaError } from '../protocol/errors.ts'
import * as batch from '../record/batch.ts'
import { BatchBuilder } from '../record/builder.ts'
import { type RecordColumns, decodeBatch } from '../record/columns.ts'
import type { LogConfig } from './config.ts'

/** The records of a batch that a client sent. KafkaError INVALID_RECORD when they are not what the header says. */
export function decodeSent(records: Buffer, at: number): RecordColumns {
  try {
    return decodeBatch(records, at)
  } catch (error) {
    if (error instanceof MoldauError && error.code === 'CORRUPT_BATCH') throw kafkaError('INVALID_RECORD', error.message)
    throw error
  }
}

/** What a producer sent, in the compression that `compression.type` asks for. Batches that have it already, or are damaged, stay as they are. */
export function recompress(records: Buffer, type: LogConfig['compressionType']): Buffer {
  if (type === 'producer') return records
  const wanted = type === 'uncompressed' ? 'none' : type
  const parts: Buffer[] = []
  for (let at = 0; at < records.length;) {
    // The rest is for the validation to refuse.
    if (batch.checkBatch(records, at, records.length) !== 'ok') return records
    const size = batch.sizeInBytes(records, at)
    const stays = batch.isControl(records, at) || batch.compressionOf(records, at) === wanted || batch.recordCount(records, at) === 0
    parts.push(stays ? records.subarray(at, at + size) : rebuild(records, at, wanted))
    at += size
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

function rebuild(records: Buffer, at: number, compression: ReturnType<typeof batch.compressionOf>): Buffer {
  const columns = decodeSent(records, at)
  const builder = new BatchBuilder({ compression, sizeHint: columns.buffer.length + batch.BATCH_OVERHEAD })
  for (let i = 0; i < columns.count; i++) builder.append(columns.timestamp(i), columns.key(i), columns.value(i), columns.headers(i))
  return builder.build({
    baseOffset: batch.baseOffset(records, at),
    producerId: batch.producerId(records, at),
    producerEpoch: batch.producerEpoch(records, at),
    baseSequence: batch.baseSequence(records, at),
    transactional: batch.isTransactional(records, at),
  })
}
