import { MoldauError } from '../base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { backoff, isRetriableError } from '../cluster/retry.ts'
import { noSuchPartition, tpKey } from '../cluster/topic-partition.ts'
import { kafkaError } from '../protocol/errors.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { findOffsets } from './offset-requests.ts'
import type { OffsetQuestion } from './admin/record-types.ts'
import { placeOf } from './offset-reset.ts'
import type { PartitionState } from './partition-state.ts'
import type { Isolation, OffsetReset, OffsetSpec } from './types.ts'

type Place = Exclude<OffsetSpec, number>

export interface PositionsOptions {
  cluster: Cluster
  group: ConsumerGroup | undefined
  isolationLevel: Isolation
  autoOffsetReset: OffsetReset
  partitions: Iterable<PartitionState>
  onProgress: () => void
  onError: (error: Error) => void
}

/** Finds out where to begin in partitions that have no position: what the group has committed, else what the policy says. */
export class Positions {
  readonly #options: PositionsOptions
  #running: boolean
  #failures: number

  constructor(options: PositionsOptions) {
    this.#options = options
    this.#running = false
    this.#failures = 0
  }

  /** Starts looking in the background when a partition needs it. */
  wake(): void {
    if (this.#running || this.#missing().length === 0) return
    this.#running = true
    void this.#run()
  }

  #missing(): PartitionState[] {
    return [...this.#options.partitions].filter((state) => state.position === undefined)
  }

  async #run(): Promise<void> {
    const { cluster, onProgress, onError } = this.#options
    try {
      for (let states = this.#missing(); states.length > 0; states = this.#missing()) {
        await this.#find(states)
        this.#failures = 0
        onProgress()
      }
      this.#running = false
    } catch (error) {
      // A topic that is unknown was waited for already.
      if (!isRetriableError(error) || (error instanceof MoldauError && error.code === 'UNKNOWN_TOPIC')) {
        this.#running = false
        onError(error as Error)
        return
      }
      cluster.clock.after(backoff(cluster.policy, this.#failures++), () => {
        this.#running = false
        this.wake()
      })
    }
  }

  async #find(states: PartitionState[]): Promise<void> {
    const { cluster, group, isolationLevel } = this.#options
    const { requestTimeoutMs: timeoutMs } = cluster
    const versions = states.map((state) => state.version)
    const current = (state: PartitionState): boolean => state.version === versions[states.indexOf(state)] && state.position === undefined
    for (const topic of new Set(states.map((state) => state.topic))) await cluster.topic(topic)
    if (group !== undefined) await this.#awaitAssigned(states)
    const fromGroup = states.filter((state) => state.start === 'committed')
    if (group !== undefined && fromGroup.length > 0) {
      const committed = await group.committed(fromGroup, timeoutMs)
      const byKey = new Map(committed.map((offset) => [tpKey(offset), offset.offset]))
      for (const state of fromGroup) {
        const offset = byKey.get(tpKey(state))
        if (offset !== undefined && current(state)) state.moveTo(offset)
        else if (current(state)) state.start = 'reset'
      }
    }
    const toAsk = states.filter((state) => current(state) || (state.position === undefined && state.start === 'reset'))
    const asked = toAsk.map((state) => state.version)
    const places = toAsk.map((state) => this.#place(state))
    // Before the question by time: what is written between the two answers is not passed over.
    const timed = toAsk.filter((_, i) => typeof places[i] === 'object')
    const ends = await findOffsets(
      cluster,
      timed.map((state) => query(state, 'latest')),
      isolationLevel,
      timeoutMs,
    )
    const found = await findOffsets(
      cluster,
      toAsk.map((state, i) => query(state, places[i]!)),
      isolationLevel,
      timeoutMs,
    )
    for (const [i, state] of toAsk.entries()) {
      if (state.version !== asked[i] || state.position !== undefined) continue
      const { offset } = found[i]!
      state.moveTo(offset >= 0 ? offset : ends[timed.indexOf(state)]!.offset)
    }
  }

  /** Partitions that were added a moment ago: the coordinator may give them away before the broker that was asked last knows of them. */
  async #awaitAssigned(states: PartitionState[]): Promise<void> {
    const { cluster } = this.#options
    const isUnknown = ({ topic, partition }: PartitionState): boolean =>
      noSuchPartition({ topic, partition }, cluster.image.topics.get(topic)?.partitions.length ?? 0) !== undefined
    const unknown = states.filter(isUnknown)
    if (unknown.length === 0) return
    await cluster.refresh(unknown.map((state) => state.topic))
    const still = unknown.find(isUnknown)
    if (still !== undefined) throw kafkaError('UNKNOWN_TOPIC_OR_PARTITION', `${tpKey(still)} is assigned, and not known of yet`)
  }

  #place(state: PartitionState): Place {
    const { start } = state
    if (start !== 'committed' && start !== 'reset' && typeof start !== 'number') return start
    const { autoOffsetReset, cluster } = this.#options
    const place = placeOf(autoOffsetReset, cluster.clock.now())
    if (place !== undefined) return place
    throw kafkaError('OFFSET_OUT_OF_RANGE', `${tpKey(state)} has no offset to begin at and autoOffsetReset is 'none': seek() to one`)
  }
}

function query({ topic, partition }: PartitionState, place: Place): OffsetQuestion {
  return { topic, partition, at: typeof place === 'string' ? place : place.timestamp }
}
