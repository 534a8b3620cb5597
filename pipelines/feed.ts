import type { Consumer } from '../core/client/consumer.ts'
import type { Assignment } from './assignment.ts'
import type { Ends } from './ends.ts'
import type { Piece } from './slices.ts'
import type { Assigned } from './task-maker.ts'
import type { Transaction } from './commit/transaction.ts'

/** After so many records the event loop gets its turn: heartbeats, fetches, a broker in the same process. */
const TURN_RECORDS = 10_000

/**
 * Hands a slice to the tasks.
 *
 * @param idle inputs, by channel, that hold nobody's time back from now on
 */
export async function feed(
  pieces: readonly Piece[],
  idle: readonly (readonly [Assigned, number])[],
  assignment: Assignment,
  transaction: Transaction,
): Promise<void> {
  let fed = 0
  for (const { batch, from, count } of pieces) {
    const { topic, partition, columns } = batch
    assignment.taskOf(batch)!.task.feed({ topic, partition, columns, from, count })
    const room = transaction.room()
    if (room !== undefined) await room
    fed += count
    if (fed < TURN_RECORDS) continue
    fed = 0
    await new Promise(setImmediate)
  }
  for (const [{ task }, channel] of idle) task.watermarks.setIdle(channel)
}

/** Control markers and holes behind the last record count as read, so that lag goes to zero and ends are seen. */
export function passMarkers({ inputs }: Assigned, assignment: Assignment, consumer: Consumer, ends: Ends): void {
  for (const input of inputs) {
    // What was polled is to be run first.
    if (assignment.position(input) < assignment.polled(input)) continue
    const position = consumer.position(input)
    if (position === undefined || position <= assignment.position(input)) continue
    const at = Math.min(position, ends.of(input))
    assignment.advance(input, at)
    assignment.setPolled(input, at)
  }
}
