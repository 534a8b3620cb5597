import * as batch from '../record/batch.ts'
import type { CompletedTransaction, ProducerState } from './producer-state.ts'
import type { Segment } from './segment.ts'
import type { Segments } from './segments.ts'
import type { AbortedTransaction } from './transaction-index.ts'

/** Puts an aborted transaction into the index of the segment that holds its marker; `producers` has taken note of the marker. */
export function noteAborted(segment: Segment, producers: ProducerState, ended: CompletedTransaction | undefined): void {
  if (ended?.aborted !== true) return
  const { producerId, firstOffset, lastOffset } = ended
  segment.indexes.transactions.append({ producerId, firstOffset, lastOffset, lastStableOffset: producers.stableOffsetAfter(ended) })
}

/**
 * Loads the transaction index of a closed segment. The file has no checksum, and a wrong entry would show aborted records or hide good
 * ones: every entry is compared with the log, and the index made again when one does not fit.
 *
 * @param producersBefore the state of the producers where the segment begins
 */
export function loadTransactions(segment: Segment, segments: Segments, producersBefore: () => ProducerState): void {
  const { baseOffset, nextOffset } = segment
  const { transactions } = segment.indexes
  if (transactions.file.loaded) return
  const sane = transactions.load(baseOffset, nextOffset) && segment.transactionsAsSealed
  if (sane && transactions.entries().every((entry) => fits(entry, segments))) return
  transactions.file.reset()
  const producers = producersBefore()
  segment.scan({ from: 0, skipped: () => {}, visit: (buf, at) => noteAborted(segment, producers, producers.apply(buf, at, 0)) })
  if (segment === segments.active) return
  transactions.file.save()
  segment.loadIndexes()
  segment.noteIndexSizes()
}

/** The batch at the first offset is the producer's, and its next marker is the one at the last offset. */
function fits({ producerId, firstOffset, lastOffset }: AbortedTransaction, segments: Segments): boolean {
  let begun = firstOffset < segments.first.baseOffset
  let before = false
  let ended = -1
  let looked = begun
  for (const segment of segments.from(firstOffset)) {
    if (segment.baseOffset > lastOffset || ended >= 0) break
    segment.scan({
      from: 0,
      skipped: () => {},
      visit(buf, at) {
        const first = batch.baseOffset(buf, at)
        if (first > lastOffset) return false
        if (batch.producerId(buf, at) !== producerId) {
          // Another's records stand where it is said to begin.
          if (first <= firstOffset && batch.lastOffset(buf, at) >= firstOffset) looked = true
          return true
        }
        if (first < firstOffset) {
          before = batch.isTransactional(buf, at) && !batch.isControl(buf, at)
          return true
        }
        // The cleaner may have taken the first records away: then nothing of the transaction may stand before that place.
        if (first > firstOffset && !begun && !looked) begun = !before
        looked = true
        if (first === firstOffset) begun = batch.isTransactional(buf, at) && !batch.isControl(buf, at)
        if (batch.isControl(buf, at)) ended = first
        return ended < 0
      },
    })
  }
  return begun && ended === lastOffset
}
