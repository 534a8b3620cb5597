import type { Assignment } from './assignment.ts'
import type { ConsumerStats } from './metrics/consumer-stats.ts'
import type { FetchedRecords } from './fetched-records.ts'
import type { PartitionState } from './partition-state.ts'
import type { RawBatch } from './raw-batch.ts'
import type { ConsumerBatch, GroupMetadata } from './types.ts'

/** Hands out what has been fetched: the partitions in turn, one fetch answer of each after the other. */
export class Handout {
  readonly #assignment: Assignment
  readonly #onOutOfRange: (state: PartitionState) => void
  readonly #stats: ConsumerStats
  readonly #onRoom: () => void
  #turn: PartitionState[]
  #progressed: boolean

  /** @param onRoom what was fetched has been handed out: there is room for more */
  constructor(assignment: Assignment, onOutOfRange: (state: PartitionState) => void, stats: ConsumerStats, onRoom: () => void) {
    this.#assignment = assignment
    this.#onOutOfRange = onOutOfRange
    this.#stats = stats
    this.#onRoom = onRoom
    this.#turn = []
    this.#progressed = false
  }

  /** Whether positions have moved since the last call. */
  progressed(): boolean {
    const progressed = this.#progressed
    this.#progressed = false
    return progressed
  }

  /**
   * Batches with at least `recordsMax` records, or all that there are.
   *
   * @param group who they are handed out to
   * @param take one of what was fetched; undefined when it is past
   */
  take<T extends ConsumerBatch | RawBatch>(
    recordsMax: number,
    group: GroupMetadata | null,
    take: (fetched: FetchedRecords) => T | undefined,
  ): T[] {
    const batches: T[] = []
    for (let records = 0; records < recordsMax;) {
      const state = this.#next()
      if (state === undefined) break
      const batch = take(state.fetched[0]!)
      if (batch !== undefined) {
        batch.group = group
        batches.push(batch)
        records += batch.count
        this.#stats.consumed(state, batch)
      }
      this.#skip(state)
    }
    return batches
  }

  /** Takes positions past what nobody is to see, where nothing else lies before it. */
  skipUnseen(): void {
    for (const state of this.#assignment) this.#skip(state)
  }

  #next(): PartitionState | undefined {
    const ready = (state: PartitionState): boolean => !state.paused && state.fetched.length > 0 && this.#assignment.holds(state)
    while (this.#turn.length > 0) {
      const state = this.#turn[0]!
      if (ready(state)) return state
      this.#turn.shift()
    }
    this.#turn = [...this.#assignment].filter(ready)
    return this.#turn[0]
  }

  #skip(state: PartitionState): void {
    const before = state.position
    for (let first = state.fetched[0]; first !== undefined && !first.advance(); first = state.fetched[0]) {
      state.fetched.shift()
      state.bufferedBytes -= first.bytes
      this.#onRoom()
      if (this.#turn[0] === state) this.#turn.shift()
    }
    if (state.position !== before) this.#progressed = true
    if (state.fetched.length === 0 && state.outOfRange) this.#onOutOfRange(state)
  }
}
