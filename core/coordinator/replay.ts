import { MoldauError } from '../base/errors.ts'
import { isControl, isTransactional, nextOffset, producerId } from '../record/batch.ts'
import { decodeBatch } from '../record/columns.ts'
import { readControl } from '../record/control.ts'
import { batches } from '../record/records.ts'
import type { PartitionWriter } from './partition-writer.ts'

export interface Replayer {
  /** `openProducerId` is that of the transaction the record belongs to, -1 outside one. */
  record(key: Buffer | null, value: Buffer | null, openProducerId: number): void
  marker(producerId: number, commit: boolean): void
}

const READ_BYTES = 1024 * 1024

/**
 * Reads a coordinator's partition from beginning to end. A damaged batch is reported and stepped over: what it said is lost, as far as no
 * later record says it again, but the groups and transactions of all others must not be out of reach because of it.
 */
export function replay(writer: PartitionWriter, topic: string, partition: number, replayer: Replayer): void {
  const end = writer.endOffset(topic, partition)
  let damaged = false
  for (let offset = writer.startOffset(topic, partition); offset < end;) {
    const bytes = readUnlessDamaged(writer, topic, partition, offset, !damaged)
    damaged = bytes === undefined
    if (bytes === undefined) {
      offset++
      continue
    }
    let next = offset
    for (const at of batches(bytes)) {
      next = nextOffset(bytes, at)
      if (next > offset) replayBatch(bytes, at, replayer)
    }
    // Compaction may have emptied the tail: nothing more to read is the end as well.
    if (next === offset) return
    offset = next
  }
}

/** `undefined` where the record at `offset` is damaged. */
function readUnlessDamaged(writer: PartitionWriter, topic: string, partition: number, offset: number, tells: boolean): Buffer | undefined {
  try {
    return writer.read(topic, partition, offset, READ_BYTES)
  } catch (error) {
    if (!(error instanceof MoldauError) || error.code !== 'CORRUPT_BATCH') throw error
    if (tells) writer.report(topic, partition, error)
    return undefined
  }
}

function replayBatch(bytes: Buffer, at: number, replayer: Replayer): void {
  const columns = decodeBatch(bytes, at)
  const producer = producerId(bytes, at)
  if (isControl(bytes, at)) {
    const control = readControl(columns)
    if (control !== 'other') replayer.marker(producer, control === 'commit')
    return
  }
  const open = isTransactional(bytes, at) ? producer : -1
  for (let i = 0; i < columns.count; i++) replayer.record(columns.key(i), columns.value(i), open)
}
