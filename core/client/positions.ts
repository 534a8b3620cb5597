import { MoldauError } from '../base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { backoff, isRetriableError } from '../cluster/retry.ts'
import { byTopic, noSuchPartition, tpKey } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import { KafkaError, kafkaError } from '../protocol/errors.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { OffsetAnswer, OffsetQuestion } from './admin/record-types.ts'
import { askLeader } from './leader-offsets.ts'
import { placeOf } from './offset-reset.ts'
import type { PartitionState } from './partition-state.ts'
import type { Isolation, OffsetReset, OffsetSpec } from './types.ts'

type Place = Exclude<OffsetSpec, number>

export interface PositionsOptions {
  cluster: Cluster
  group: ConsumerGroup | undefined
  isolationLevel: Isolation
  autoOffsetReset: OffsetReset
  allowAutoCreateTopics: boolean
  partitions: Iterable<PartitionState>
  onProgress: () => void
  onError: (error: Error) => void
}

/** A partition whose position is looked for, as it was when that began: a seek makes it another search. */
interface Search extends TopicPartition {
  readonly state: PartitionState
  readonly version: number
}

/** Searches that came to nothing, and why. */
type Failed = ReadonlyMap<Search, Error>

const NONE: Failed = new Map()

/**
 * Finds out where to begin in partitions that have no position: what the group has committed, else what the policy says. Coordinator and leaders are
 * asked beside each other, and each partition begins when its own place is known, whatever becomes of the others.
 */
export class Positions {
  readonly #options: PositionsOptions
  /** Versions of partitions that are looked for. */
  readonly #underWay: Map<PartitionState, number>

  constructor(options: PositionsOptions) {
    this.#options = options
    this.#underWay = new Map()
  }

  /** Starts looking in the background for partitions that need it. */
  wake(): void {
    const { cluster, group, partitions, allowAutoCreateTopics } = this.#options
    let searches: Search[] | undefined
    for (const state of partitions) {
      const { topic, partition, version, position } = state
      if (position !== undefined || this.#underWay.get(state) === version) continue
      this.#underWay.set(state, version)
      searches ??= []
      searches.push({ topic, partition, state, version })
    }
    if (searches === undefined) return
    const { topics } = cluster.image
    const isFromGroup = ({ state }: Search): boolean => group !== undefined && state.start === 'committed'
    const known = searches.filter(({ topic }) => topics.has(topic))
    for (const [topic, unknown] of byTopic(searches.filter((search) => !topics.has(search.topic)))) {
      this.#run(unknown, async () => (await cluster.topic(topic, allowAutoCreateTopics), NONE))
    }
    const fromGroup = known.filter(isFromGroup)
    if (fromGroup.length > 0) this.#run(fromGroup, () => this.#readCommitted(fromGroup))
    const byLeader = Map.groupBy(
      known.filter((search) => !isFromGroup(search)),
      ({ topic, partition }) => cluster.leader(topic, partition),
    )
    for (const [leader, list] of byLeader) {
      if (leader >= 0) this.#run(list, () => this.#ask(leader, list))
      else for (const search of list) this.#run([search], () => this.#findLeader(search))
    }
  }

  /** What is without a position afterwards is looked for further; what has failed for good when somebody polls again, but not in every turn. */
  #run(searches: readonly Search[], find: () => Promise<Failed>): void {
    const { cluster, onProgress, onError } = this.#options
    const ended = (failed: Failed): void => {
      const done = searches.filter((search) => !failed.has(search))
      const again = searches.filter((search) => isPassing(failed.get(search)))
      this.#release(done)
      if (done.length > 0) {
        onProgress()
        this.wake()
      }
      if (again.length > 0) void this.#retry(again)
      for (const [search, error] of failed) {
        if (isPassing(error)) continue
        cluster.clock.after(backoff(cluster.policy, 0), () => this.#release([search]))
        if (isOpen(search)) onError(error)
      }
    }
    find().then(ended, (error: unknown) => ended(new Map(searches.map((search) => [search, error as Error]))))
  }

  async #retry(searches: readonly Search[]): Promise<void> {
    const { cluster } = this.#options
    await cluster.refresh().catch(() => {})
    const failures = searches.map(({ state }) => state.failures++)
    cluster.clock.after(backoff(cluster.policy, Math.max(...failures)), () => {
      this.#release(searches)
      this.wake()
    })
  }

  #release(searches: readonly Search[]): void {
    for (const { state, version } of searches) if (this.#underWay.get(state) === version) this.#underWay.delete(state)
  }

  async #readCommitted(searches: readonly Search[]): Promise<Failed> {
    const { cluster, group } = this.#options
    const committed = await group!.committed(searches, cluster.requestTimeoutMs)
    const byKey = new Map(committed.map((offset) => [tpKey(offset), offset]))
    for (const search of searches.filter(isOpen)) {
      const found = byKey.get(tpKey(search))
      if (found === undefined) search.state.start = 'reset'
      else search.state.moveTo(found.offset, found.leaderEpoch)
    }
    return NONE
  }

  /** Partitions that were added a moment ago: the coordinator may give them away before the broker that was asked last knows of them. */
  async #findLeader({ topic, partition }: Search): Promise<Failed> {
    const { cluster, group } = this.#options
    const missing = (): MoldauError | undefined =>
      noSuchPartition({ topic, partition }, cluster.image.topics.get(topic)?.partitions.length ?? 0)
    if (missing() !== undefined) await cluster.refresh([topic])
    if (!cluster.image.topics.has(topic)) return NONE
    const error = missing()
    const where = tpKey({ topic, partition })
    if (error !== undefined && group !== undefined) {
      throw kafkaError('UNKNOWN_TOPIC_OR_PARTITION', `${where} is assigned, and not known of yet`)
    }
    if (error !== undefined) throw error
    if (cluster.leader(topic, partition) < 0) throw kafkaError('LEADER_NOT_AVAILABLE', where)
    return NONE
  }

  async #ask(leader: number, searches: readonly Search[]): Promise<Failed> {
    const places = new Map(searches.map((search) => [search, this.#place(search.state)]))
    const failed = new Map<Search, Error>()
    for (const [search, place] of places) if (place === undefined) failed.set(search, nowhere(search))
    const asked = searches.filter((search) => !failed.has(search))
    // Before the question by time: what is written between the two answers is not passed over.
    const timed = asked.filter((search) => typeof places.get(search) === 'object')
    const ends = await this.#find(leader, timed, () => 'latest')
    const found = await this.#find(leader, asked, (search) => places.get(search)!)
    for (const search of asked) {
      const first = found.get(search)!
      const answer = first instanceof KafkaError || first.offset >= 0 ? first : ends.get(search)!
      if (answer instanceof KafkaError) failed.set(search, answer)
      // Without the leader epoch of the answer: nothing was read there that could have been cut off.
      else if (isOpen(search)) search.state.moveTo(answer.offset)
    }
    return failed
  }

  async #find(leader: number, searches: readonly Search[], at: (search: Search) => Place) {
    if (searches.length === 0) return new Map<Search, OffsetAnswer | KafkaError>()
    const queries = searches.map((search) => query(search, at(search)))
    const answers = await askLeader(this.#options.cluster, leader, queries, this.#options.isolationLevel)
    return new Map(searches.map((search, i) => [search, answers[i]!]))
  }

  /** Undefined when there is none. */
  #place({ start }: PartitionState): Place | undefined {
    if (start !== 'committed' && start !== 'reset' && typeof start !== 'number') return start
    const { autoOffsetReset, cluster } = this.#options
    return placeOf(autoOffsetReset, cluster.clock.now())
  }
}

function isOpen({ state, version }: Search): boolean {
  return state.version === version && state.position === undefined
}

/** Whether it is worth another attempt. A topic that is unknown was waited for already. */
function isPassing(error: Error | undefined): boolean {
  return isRetriableError(error) && !(error instanceof MoldauError && error.code === 'UNKNOWN_TOPIC')
}

function nowhere(search: Search): KafkaError {
  return kafkaError('OFFSET_OUT_OF_RANGE', `${tpKey(search)} has no offset to begin at and autoOffsetReset is 'none': seek() to one`)
}

function query({ topic, partition }: Search, place: Place): OffsetQuestion {
  return { topic, partition, at: typeof place === 'string' ? place : place.timestamp }
}
