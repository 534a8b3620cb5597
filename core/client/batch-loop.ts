import { MoldauError } from '../base/errors.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { Reading, Taking } from './reading.ts'
import type { ConsumerBatch } from './types.ts'

export interface BatchLoopOptions {
  reading: Reading
  taking: Taking<ConsumerBatch>
  /** Undefined outside of a group. */
  group: ConsumerGroup | undefined
  /** After so many records a poll sees to everything else. */
  maxPollRecords: number
  /** How long one poll waits. */
  timeoutMs: number
  signal: AbortSignal | undefined
}

/**
 * What `for await` goes through. Each batch is taken when it is asked for and not before, so that positions are those of what the program has
 * had, wherever it commits, seeks or leaves. Ends when the consumer is closed or the signal aborted, after the batch that the program is at.
 */
export async function* batchLoop(options: BatchLoopOptions): AsyncGenerator<ConsumerBatch, void> {
  const { reading, taking, group, maxPollRecords, timeoutMs, signal } = options
  const isOver = (): boolean => reading.closed || signal?.aborted === true
  try {
    while (!isOver()) {
      let taken = await reading.poll(timeoutMs, taking, 1, signal)
      for (let records = 0; taken.length > 0;) {
        const batch = taken[0]!
        group?.begun(batch)
        yield batch
        group?.finished()
        records += batch.count
        taken = records < maxPollRecords && !isOver() ? reading.another(taking) : []
      }
    }
  } catch (error) {
    if (!isEnd(error, signal) || !isOver()) throw error
  } finally {
    group?.left()
  }
}

/** How a poll that is under way hears of the end. */
function isEnd(error: unknown, signal: AbortSignal | undefined): boolean {
  return (error instanceof MoldauError && error.code === 'CLOSED') || error === signal?.reason
}
