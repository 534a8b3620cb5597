import { type Client, type ConsumerBatch, tpKey } from '../../core/index.ts'
import { partitionsOf } from './client-kit.ts'
import { mayBeSeen } from './copying.ts'

/** Where somebody stands who reads 0, 1, 2 ... from the partitions of a topic. */
export interface Reading {
  stopped: boolean
  seen: number
  /** By partition, the number that has to come next. */
  readonly next: number[]
}

export function newReading(partitions: number): Reading {
  return { stopped: false, seen: 0, next: Array.from({ length: partitions }, () => 0) }
}

/** Reads what is committed as it comes: in each partition 0, 1, 2 ... and nothing else. */
export async function follow(client: Client, topic: string, state: Reading, faults: string[]): Promise<void> {
  const consumer = client.consumer({ isolationLevel: 'read_committed', autoOffsetReset: 'earliest', fetchMaxWaitMs: 100 })
  consumer.assign(partitionsOf(topic, state.next.length))
  while (!state.stopped) note(await consumer.poll(200), state, faults)
  await consumer.close()
}

function note(batches: readonly ConsumerBatch[], state: Reading, faults: string[]): void {
  for (const { topic, partition, columns, from, count } of batches) {
    for (let i = from; i < from + count; i++) {
      const [key, value] = [String(columns.key(i)), Number(String(columns.value(i)))]
      const place = `${topic}-${partition} at ${columns.offset(i)}`
      if (!mayBeSeen(key)) faults.push(`GHOST ${place}: ${key} was aborted`)
      const expected = state.next[partition]!
      if (value !== expected) faults.push(`${value < expected ? 'DUP' : 'LOST'} ${place}: ${value} by ${key} in place of ${expected}`)
      state.next[partition] = value + 1
      state.seen++
    }
  }
}

/** How many numbers somebody finds who reads a topic only now, by partition. */
export async function numbersIn(client: Client, topic: string, partitions: number, faults: string[]): Promise<number[]> {
  const state = newReading(partitions)
  const consumer = client.consumer({ isolationLevel: 'read_committed', autoOffsetReset: 'earliest' })
  const places = partitionsOf(topic, partitions)
  consumer.assign(places)
  const ends = await consumer.endOffsets(places)
  const reached = (): boolean => places.every((place) => (consumer.position(place) ?? -1) >= ends.get(tpKey(place))!)
  while (!reached()) note(await consumer.poll(100), state, faults)
  await consumer.close()
  return state.next
}
