import { addSequence } from '../record/batch.ts'
import type { BatchBuilder } from '../record/builder.ts'
import { decodeBatch } from '../record/columns.ts'
import type { RecordColumns } from '../record/columns.ts'
import { PendingBatch } from './pending-batch.ts'

/**
 * Two batches in the place of one that is too large for its topic (KIP-126), each with about half of its bytes. They keep the sequence
 * numbers that the one had: the broker has taken none of them, and those behind it are numbered already.
 */
export function splitBatch(batch: PendingBatch<BatchBuilder>): [PendingBatch<BatchBuilder>, PendingBatch<BatchBuilder>] {
  const { content, queue, group, transaction, createdAt, order, orderSpan, identity } = batch
  const columns = decodeBatch(batch.built as Buffer, 0)
  const middle = middleOf(columns)
  const half = (from: number, to: number, place: number): PendingBatch<BatchBuilder> => {
    const builder = content.another()
    for (let i = from; i < to; i++) builder.append(columns.timestamp(i), columns.key(i), columns.value(i), columns.headers(i))
    const part = new PendingBatch(queue, builder, group, transaction, createdAt, place)
    part.orderSpan = orderSpan / 2
    part.bytes = builder.sizeInBytes
    part.attempts = batch.attempts
    if (identity !== undefined) part.identity = { ...identity, baseSequence: addSequence(identity.baseSequence, from) }
    return part
  }
  const halves = [half(0, middle, order), half(middle, columns.count, order + orderSpan / 2)] as const
  batch.divideClaims(middle, ...halves)
  return [...halves]
}

/** The record with which the second half of the bytes begins. */
function middleOf({ keyStart, count }: RecordColumns): number {
  const goal = (keyStart[0]! + keyStart[count - 1]!) / 2
  let middle = 1
  while (middle < count - 1 && keyStart[middle]! < goal) middle++
  return middle
}
