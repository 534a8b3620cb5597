import { MoldauError } from '../base/errors.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import { PartitionState, type Start } from './partition-state.ts'
import type { OffsetSpec, OffsetToCommit } from './types.ts'

/** The partitions that a consumer reads, and how far. */
export class Assignment implements Iterable<PartitionState> {
  readonly #states: Map<string, PartitionState>

  constructor() {
    this.#states = new Map()
  }

  [Symbol.iterator](): Iterator<PartitionState> {
    return this.#states.values()
  }

  /** Whether this state is read still: the partition may have gone and come again. */
  holds(state: PartitionState): boolean {
    return this.#states.get(tpKey(state)) === state
  }

  /** @throws MoldauError INVALID_ARGUMENT when the partition is not read */
  require(tp: TopicPartition): PartitionState {
    const state = this.#states.get(tpKey(tp))
    if (state === undefined) throw new MoldauError('INVALID_ARGUMENT', `consumer: ${tpKey(tp)} is not assigned to this consumer`)
    return state
  }

  partitions(): TopicPartition[] {
    return Array.from(this.#states.values(), ({ topic, partition }) => ({ topic, partition }))
  }

  /** Of everything that has been handed out. */
  positions(): OffsetToCommit[] {
    return [...this.#states.values()].flatMap(({ topic, topicId, partition, position, positionEpoch }) =>
      position === undefined
        ? []
        : [{ topic, topicId, partition, offset: position, ...(positionEpoch >= 0 && { leaderEpoch: positionEpoch }) }],
    )
  }

  add(tp: TopicPartition & { topicId?: string }, start: Start): void {
    this.#states.set(tpKey(tp), new PartitionState(tp, start))
  }

  /** Reads these and no others. Those without an offset keep their position; new ones begin at `start`. */
  replace(partitions: readonly (TopicPartition & { offset?: OffsetSpec })[], start: Start): void {
    const before = new Map(this.#states)
    this.clear()
    for (const tp of partitions) {
      const known = tp.offset === undefined ? before.get(tpKey(tp)) : undefined
      this.#states.set(tpKey(tp), known ?? new PartitionState(tp, tp.offset ?? start))
    }
  }

  remove(tp: TopicPartition): void {
    this.#states.delete(tpKey(tp))
  }

  clear(): void {
    this.#states.clear()
  }
}
