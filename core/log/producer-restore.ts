import * as batch from '../record/batch.ts'
import type { LogContext } from './log-context.ts'
import { newestSnapshot } from './producer-snapshot.ts'
import { ProducerState } from './producer-state.ts'
import type { Segment } from './segment.ts'
import type { Segments } from './segments.ts'

/** The end of the log that is looked through for batches that a client may repeat: five requests of 1 MiB, and others between them. */
const REMEMBERED_BYTES = 8 * 1024 * 1024

/**
 * Producer state at `offset`: the newest snapshot at or below it, and what the log says from there on.
 *
 * @param snapshots offsets of the snapshots that are there, when the caller has looked
 */
export function restoreProducers(context: LogContext, segments: Segments, offset: number, snapshots?: readonly number[]): ProducerState {
  const now = context.clock.now()
  const snapshot = newestSnapshot(context.files, context.directory, offset, snapshots)
  const producers = new ProducerState(snapshot?.entries)
  producers.expire(context.age.now() - context.config.producerIdExpirationMs)
  if (snapshot !== undefined && producers.size > 0) rememberBatches(segments, producers, snapshot.offset)
  replay(segments, Math.max(snapshot?.offset ?? 0, segments.first.baseOffset), offset, (buf, at) => {
    producers.apply(buf, at, now)
  })
  return producers
}

/**
 * A snapshot keeps one batch per producer, but a client that had five in flight when the broker stopped repeats all five: the headers at
 * the end of the log say what the others were. (Kafka answers OUT_OF_ORDER_SEQUENCE_NUMBER to the repetition.)
 */
function rememberBatches(segments: Segments, producers: ProducerState, end: number): void {
  let bytes = REMEMBERED_BYTES
  const recent: Segment[] = []
  for (let i = segments.floorIndex(end - 1); i >= 0 && bytes > 0; i--) {
    recent.unshift(segments.at(i)!)
    bytes -= segments.at(i)!.size
  }
  for (const segment of recent) {
    const from = segment === recent[0] && bytes < 0 ? segment.finder.boundaryBefore(-bytes) : 0
    const visit = (buf: Buffer, at: number): boolean => {
      if (batch.baseOffset(buf, at) >= end) return false
      producers.remember(buf, at)
      return true
    }
    segment.scan({ from, verify: true, visit, skipped: () => {} })
  }
}

/** Visits the batches that begin in `[from, to)`. */
function replay(segments: Segments, from: number, to: number, visit: (buf: Buffer, at: number) => void): void {
  if (from >= to) return
  for (const segment of segments.from(from)) {
    if (segment.baseOffset >= to) return
    segment.scan({
      from: segment.baseOffset >= from ? 0 : segment.finder.position(from),
      verify: true,
      skipped: () => {},
      visit(buf, at) {
        if (batch.baseOffset(buf, at) >= to) return false
        visit(buf, at)
        return true
      },
    })
  }
}
