import { ZERO_UUID } from '../base/uuid.ts'
import type { KafkaErrorName } from '../protocol/errors.ts'

/** What is asked of one partition. */
export interface FetchPlace {
  /** The zero UUID where there is none. */
  topicId: string
  leaderEpoch: number
  offset: number
  /** Leader epoch of what lies before that, -1 when not known or not to be compared (KIP-595). */
  fetchedEpoch: number
}

/** A partition in a session: `owner` is what its answers are for, `version` what that was at when it was last asked for. */
export interface SessionPartition<Owner> extends FetchPlace {
  owner: Owner
  version: number
  /** As the broker said last: it does not repeat what has not changed, not even to a new owner. */
  highWatermark: number
  lastStableOffset: number
  logStartOffset: number
}

interface Named {
  readonly topic: string
  readonly partition: number
}

interface Entry<Owner> extends SessionPartition<Owner> {
  round: number
}

/** How requests name topics: by id from version 13 on. A session may not change that. */
type Naming = 'ids' | 'names'

export interface SessionRequest<Owner> {
  sessionId: number
  sessionEpoch: number
  /** All of them, or in a session those that are new or asked for otherwise than before; one topic may come more than once. */
  partitions: readonly SessionPartition<Owner>[]
  forgotten: readonly { topic: string; topicId: string; partitions: readonly number[] }[]
}

const NO_SESSION = 0
const EPOCH_NONE = -1
const EPOCH_FIRST = 0
const EPOCH_MAX = 0x7fff_ffff

/** After these the broker has no such session, or another idea of it: what it knows is said anew. */
const sessionErrors: ReadonlySet<KafkaErrorName> = new Set([
  'FETCH_SESSION_ID_NOT_FOUND',
  'INVALID_FETCH_SESSION_EPOCH',
  'FETCH_SESSION_TOPIC_ID_ERROR',
  'INCONSISTENT_TOPIC_ID',
])

/**
 * What one broker knows of what we fetch from it (KIP-227), so that requests name only what has changed, and answers only what is news.
 * Without I/O: {@link begin}, {@link ask} for each partition, {@link request}; then {@link accepted} or {@link failed}.
 *
 * A broker may decline with session id 0, and then every request names everything. Kafka's `FetchSessionHandler`.
 */
export class FetchSession<Owner extends Named> {
  readonly #topics: Map<string, Map<number, Entry<Owner>>>
  /** In the order of asking: a partition that was answered with records goes to the end, or those behind it could starve. */
  readonly #order: Set<Entry<Owner>>
  #changed: Entry<Owner>[]
  #asked: number
  #round: number
  #naming: Naming
  #id: number
  #epoch: number

  constructor() {
    this.#topics = new Map()
    this.#order = new Set()
    this.#changed = []
    this.#asked = 0
    this.#round = 0
    this.#naming = 'ids'
    this.#id = NO_SESSION
    this.#epoch = EPOCH_FIRST
  }

  /** Whether the broker keeps a session for us. */
  get isOpen(): boolean {
    return this.#id !== NO_SESSION
  }

  begin(naming: Naming): void {
    if (naming !== this.#naming) {
      this.#naming = naming
      this.#topics.clear()
      this.#order.clear()
      this.#epoch = EPOCH_FIRST
    }
    this.#changed = []
    this.#asked = 0
    this.#round++
  }

  /** One of the partitions that the next request is about. Makes nothing where nothing has changed. */
  ask(owner: Owner, version: number, topicId: string, leaderEpoch: number, offset: number, fetchedEpoch = -1): SessionPartition<Owner> {
    const key = this.#naming === 'ids' ? topicId : owner.topic
    let partitions = this.#topics.get(key)
    if (partitions === undefined) this.#topics.set(key, (partitions = new Map()))
    let entry = partitions.get(owner.partition)
    if (entry === undefined) {
      const place = { topicId, leaderEpoch, offset, fetchedEpoch }
      entry = { owner, version, ...place, highWatermark: -1, lastStableOffset: -1, logStartOffset: -1, round: 0 }
      partitions.set(owner.partition, entry)
      this.#order.add(entry)
      this.#changed.push(entry)
    } else if (
      entry.offset !== offset ||
      entry.leaderEpoch !== leaderEpoch ||
      entry.topicId !== topicId ||
      entry.fetchedEpoch !== fetchedEpoch
    ) {
      entry.offset = offset
      entry.fetchedEpoch = fetchedEpoch
      entry.leaderEpoch = leaderEpoch
      entry.topicId = topicId
      this.#changed.push(entry)
    }
    entry.owner = owner
    entry.version = version
    entry.round = this.#round
    this.#asked++
    return entry
  }

  /** What to send about those that were asked for, and no others. */
  request(): SessionRequest<Owner> {
    const gone = this.#asked === this.#order.size ? [] : [...this.#order].filter((entry) => entry.round !== this.#round)
    for (const entry of gone) this.#remove(entry)
    const isFull = this.#epoch === EPOCH_FIRST
    return {
      sessionId: this.#id,
      sessionEpoch: this.#epoch,
      partitions: isFull ? [...this.#order] : this.#changed,
      forgotten: isFull ? [] : forgotten(gone),
    }
  }

  /**
   * Takes the answer of the broker to the last request.
   *
   * @returns false: it has lost the session or sees it otherwise, and the next request says everything again
   */
  accepted(error: KafkaErrorName, sessionId: number): boolean {
    if (error !== 'NONE') {
      if (error === 'FETCH_SESSION_ID_NOT_FOUND') this.#id = NO_SESSION
      this.#epoch = EPOCH_FIRST
      return !sessionErrors.has(error)
    }
    const isSame = this.#epoch !== EPOCH_FIRST && sessionId === this.#id
    this.#id = sessionId
    if (sessionId === NO_SESSION) this.#epoch = EPOCH_FIRST
    else this.#epoch = isSame ? (this.#epoch === EPOCH_MAX ? 1 : this.#epoch + 1) : 1
    return true
  }

  /** No answer came: nobody knows what the broker has heard. The next request ends the session and begins another. */
  failed(): void {
    this.#epoch = EPOCH_FIRST
  }

  /** The partition that an answer is about; undefined when it was not asked for. */
  find(topic: string, topicId: string, partition: number): SessionPartition<Owner> | undefined {
    return this.#topics.get(this.#naming === 'ids' ? topicId : topic)?.get(partition)
  }

  /** It was answered with records: the others come first in the next full request. */
  served(partition: SessionPartition<Owner>): void {
    const entry = partition as Entry<Owner>
    if (this.#order.delete(entry)) this.#order.add(entry)
  }

  /** The request that ends the session; undefined where there is none. */
  end(): { sessionId: number; sessionEpoch: number } | undefined {
    if (this.#id === NO_SESSION) return undefined
    const sessionId = this.#id
    this.#topics.clear()
    this.#order.clear()
    this.#id = NO_SESSION
    this.#epoch = EPOCH_FIRST
    return { sessionId, sessionEpoch: EPOCH_NONE }
  }

  #remove(entry: Entry<Owner>): void {
    this.#order.delete(entry)
    const key = this.#naming === 'ids' ? entry.topicId : entry.owner.topic
    const partitions = this.#topics.get(key)
    partitions?.delete(entry.owner.partition)
    if (partitions?.size === 0) this.#topics.delete(key)
  }
}

function forgotten<Owner extends Named>(gone: readonly Entry<Owner>[]): { topic: string; topicId: string; partitions: number[] }[] {
  const topics = new Map<string, { topic: string; topicId: string; partitions: number[] }>()
  for (const { owner, topicId } of gone) {
    const key = topicId === ZERO_UUID ? owner.topic : topicId
    const known = topics.get(key)
    if (known === undefined) topics.set(key, { topic: owner.topic, topicId, partitions: [owner.partition] })
    else known.partitions.push(owner.partition)
  }
  return [...topics.values()]
}

/** Partitions as a request wants them: those of one topic that follow each other together. */
export function fetchTopics<Owner extends Named>(partitions: readonly SessionPartition<Owner>[], partitionMaxBytes: number) {
  type Partition = {
    partition: number
    currentLeaderEpoch: number
    fetchOffset: number
    lastFetchedEpoch: number
    partitionMaxBytes: number
  }
  const topics: { topic: string; topicId: string; partitions: Partition[] }[] = []
  for (const { owner, topicId, leaderEpoch: currentLeaderEpoch, offset: fetchOffset, fetchedEpoch: lastFetchedEpoch } of partitions) {
    let last = topics.at(-1)
    if (last === undefined || last.topic !== owner.topic || last.topicId !== topicId) {
      last = { topic: owner.topic, topicId, partitions: [] }
      topics.push(last)
    }
    last.partitions.push({ partition: owner.partition, currentLeaderEpoch, fetchOffset, lastFetchedEpoch, partitionMaxBytes })
  }
  return topics
}
