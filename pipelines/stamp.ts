import type { Header } from '../core/record/header.ts'

/**
 * What every record of a repartition topic carries, and what a record without a key is all about: how far event time had come in the
 * task that wrote it. Readers take the minimum over the writing tasks, so that records of a slow task are not late for them.
 */
export interface Stamp {
  /** The writing task: partition number of the upstream part. */
  readonly task: number
  /** {@link NO_TIME} when it has seen none. */
  readonly watermark: number
  /** Do not wait for this task: it has nothing to say for now. */
  readonly idle: boolean
}

/** Short, since it is on every record. */
const STAMP_HEADER = 'w'
const STAMP_BYTES = 13

export function stampHeader({ task, watermark, idle }: Stamp): Header {
  const value = Buffer.allocUnsafe(STAMP_BYTES)
  value.writeUInt8(idle ? 1 : 0, 0)
  value.writeInt32BE(task, 1)
  value.writeBigInt64BE(BigInt(watermark), 5)
  return { key: STAMP_HEADER, value }
}

/** The stamp among the headers of a record, which is always the last one; undefined when somebody else wrote the record. */
export function readStamp(headers: readonly Header[]): Stamp | undefined {
  const last = headers.at(-1)
  if (last?.key !== STAMP_HEADER || last.value?.length !== STAMP_BYTES) return undefined
  // The high half times 2^32 plus the low one: exact below 2^53, and no bigint per record.
  const watermark = last.value.readInt32BE(5) * 0x1_0000_0000 + last.value.readUInt32BE(9)
  return { idle: last.value.readUInt8(0) === 1, task: last.value.readInt32BE(1), watermark }
}
