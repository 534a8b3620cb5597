import * as batch from '../../record/batch.ts'
import { decodeBatch } from '../../record/columns.ts'
import type { OpenLog } from '../open-log.ts'
import type { Cleanable } from './cleanable.ts'
import type { OffsetMap } from './offset-map.ts'
import type { SegmentWalk } from './segment-walk.ts'
import { CleanedTransactions } from './transactions.ts'

/**
 * Notes the newest offset of every key in the dirty part of a log. Answers where that ends, or where the table was full. Kafka's
 * `Cleaner.buildOffsetMap`.
 */
export async function mapKeys(
  log: OpenLog,
  { firstDirty, firstUncleanable }: Cleanable,
  map: OffsetMap,
  walk: SegmentWalk,
): Promise<number> {
  const transactions = new CleanedTransactions()
  let full = -1
  for (const segment of log.segments.from(firstDirty)) {
    if (segment.baseOffset >= firstUncleanable || full >= 0) break
    transactions.add(log.abortedTransactions(Math.max(firstDirty, segment.baseOffset), segment.nextOffset))
    const from = segment.baseOffset < firstDirty ? segment.finder.position(firstDirty) : 0
    await walk.visit(segment, from, (buf, at) => {
      if (batch.isControl(buf, at)) return true
      // What was aborted hides nothing.
      if (transactions.batch(buf, at)) return true
      const columns = decodeBatch(buf, at)
      for (let i = 0; i < columns.count; i++) {
        const offset = columns.offset(i)
        if (columns.keyLength[i]! < 0 || offset < firstDirty) continue
        if (map.put(columns.buffer, columns.keyStart[i]!, columns.keyLength[i]!, offset)) continue
        full = offset
        return false
      }
      return true
    })
  }
  return full >= 0 ? full : firstUncleanable
}
