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

/** Reads a coordinator's partition from beginning to end. */
export function replay(writer: PartitionWriter, topic: string, partition: number, replayer: Replayer): void {
  const end = writer.endOffset(topic, partition)
  for (let offset = writer.startOffset(topic, partition); offset < end;) {
    const bytes = writer.read(topic, partition, offset, READ_BYTES)
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
