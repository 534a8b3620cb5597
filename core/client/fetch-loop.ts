import type { Timer } from '../base/clock.ts'
import { MoldauError } from '../base/errors.ts'
import { ZERO_UUID } from '../base/uuid.ts'
import type { Connections } from '../cluster/connections.ts'
import type { ClusterImage } from '../cluster/metadata.ts'
import { backoff, isRetriableError } from '../cluster/retry.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import { errorName, isRetriable, kafkaError } from '../protocol/errors.ts'
import type { FetchResponse } from '../protocol/messages/fetch.ts'
import { BrokerFetch, takeEnds } from './broker-fetch.ts'
import type { Answer, Answered, BrokerFetchOptions } from './broker-fetch.ts'
import { FetchedRecords } from './fetched-records.ts'
import type { ConnectionsWatcher } from '../cluster/connections-watcher.ts'
import type { PartitionState } from './partition-state.ts'
import { readFrom } from './read-replica.ts'

export interface FetchLoopOptions extends BrokerFetchOptions {
  prefetchBytes: number
  checkCrcs: boolean
  raw: boolean
  partitions: Iterable<PartitionState>
  watcher: ConnectionsWatcher
  /** Something has come, or a position has moved. */
  onProgress: () => void
  /** The position is not in the log. */
  onOutOfRange: (state: PartitionState) => void
  onError: (error: Error) => void
}

/**
 * Keeps one fetch under way per broker. A broker is asked when none of its partitions has as much lying here as one fetch may bring:
 * while the others were waited for, that one would stand still.
 */
export class FetchLoop {
  readonly #options: FetchLoopOptions
  readonly #connections: Connections
  readonly #brokers: Map<number, BrokerFetch>
  readonly #underWay: Set<number>
  readonly #missing: Set<string>
  #timer: Timer | undefined
  #scheduled: boolean
  #refreshing: boolean
  #closed: boolean

  constructor(options: FetchLoopOptions) {
    this.#options = options
    this.#connections = options.cluster.connections(options.watcher)
    this.#brokers = new Map()
    this.#underWay = new Set()
    this.#missing = new Set()
    this.#timer = undefined
    this.#scheduled = false
    this.#refreshing = false
    this.#closed = false
  }

  /** Looks for brokers to ask: partitions were added, moved, resumed, or handed out. */
  wake(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#plan()
    })
  }

  /** Tells the brokers, then ends the connections. */
  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await Promise.all(Array.from(this.#brokers.values(), (broker) => broker.end()))
    this.#options.cluster.release(this.#connections)
  }

  #plan(): void {
    if (this.#closed) return
    const { cluster, partitions, prefetchBytes, maxPartitionFetchBytes } = this.#options
    const now = cluster.clock.monotonic()
    const nodes = new Map<number, PartitionState[] | undefined>()
    let buffered = 0
    let wakeAt = Infinity
    for (const state of partitions) {
      if (state.paused) continue
      buffered += state.bufferedBytes
      if (state.position === undefined || state.outOfRange) continue
      if (state.retryAt > now) {
        wakeAt = Math.min(wakeAt, state.retryAt)
        continue
      }
      const leader = cluster.leader(state.topic, state.partition)
      if (leader < 0) {
        if (cluster.image.topics.has(state.topic)) this.#refresh()
        else this.#lookFor(state.topic)
        continue
      }
      if (!isMeant(state, cluster.image)) {
        // The group or we have yet to hear that the topic was created again.
        this.#delay(state)
        this.#refresh()
        wakeAt = Math.min(wakeAt, state.retryAt)
        continue
      }
      const node = readFrom(leader, state.readReplica, cluster.image, now)
      if (state.bufferedBytes >= maxPartitionFetchBytes) nodes.set(node, undefined)
      else if (!nodes.has(node)) nodes.set(node, [state])
      else nodes.get(node)?.push(state)
    }
    this.#wakeAt(wakeAt, now)
    if (buffered >= prefetchBytes) return
    for (const [node, states] of nodes) {
      if (states === undefined || this.#underWay.has(node)) continue
      this.#underWay.add(node)
      void this.#fetch(node, states).finally(() => {
        this.#underWay.delete(node)
        this.wake()
      })
    }
  }

  /** One timer for all that wait. */
  #wakeAt(at: number, now: number): void {
    this.#timer?.cancel()
    this.#timer = at === Infinity ? undefined : this.#options.cluster.clock.after(Math.max(1, at - now), () => this.wake())
  }

  async #fetch(node: number, states: PartitionState[]): Promise<void> {
    const { cluster } = this.#options
    const asked = states.filter((state) => !this.#isOfOldTopic(state, cluster.image.topics.get(state.topic)?.topicId ?? ZERO_UUID))
    if (asked.length === 0) return
    try {
      const got = await this.#broker(node).ask(asked)
      if (got !== undefined && !this.#closed) this.#accept(node, got.response, got.answers)
    } catch (error) {
      if (this.#closed) return
      if (!isRetriableError(error)) this.#options.onError(error as Error)
      for (const state of asked) {
        state.readReplica = undefined
        this.#delay(state)
      }
      this.#refresh()
    }
  }

  #broker(node: number): BrokerFetch {
    let broker = this.#brokers.get(node)
    if (broker === undefined) this.#brokers.set(node, (broker = new BrokerFetch(node, this.#connections, this.#options)))
    return broker
  }

  #accept(node: number, response: FetchResponse, answers: readonly Answered[]): void {
    const told = answers.filter(({ answer }) => answer.currentLeader.leaderId >= 0)
    const leaders = told.map(({ asked, answer }) => ({
      topic: asked.owner.topic,
      partition: asked.owner.partition,
      ...answer.currentLeader,
    }))
    if (leaders.length > 0) this.#options.cluster.leadersTold(leaders, response.nodeEndpoints)
    for (const { asked, answer } of answers) {
      const state = asked.owner
      // A seek, a revocation or a restart since then: the answer is to an old question.
      if (asked.version === state.version && asked.offset === state.fetchPosition) this.#answered(node, state, answer)
    }
  }

  #answered(node: number, state: PartitionState, answer: Answer): void {
    const { isolationLevel, checkCrcs, raw, onProgress, onOutOfRange } = this.#options
    const error = errorName(answer.errorCode)
    // A follower may be behind: its leader knows.
    if (error !== 'NONE' && state.readReplica?.node === node) {
      state.readReplica = undefined
      if (error === 'OFFSET_OUT_OF_RANGE' || error === 'OFFSET_NOT_AVAILABLE') return
    }
    if (error === 'OFFSET_OUT_OF_RANGE') {
      state.outOfRange = true
      if (state.fetched.length === 0) onOutOfRange(state)
      return
    }
    if (error !== 'NONE') {
      this.#failed(state, answer)
      return
    }
    state.failures = 0
    takeEnds(state, answer)
    if (answer.preferredReadReplica >= 0) {
      const { clock, metadataMaxAgeMs } = this.#options.cluster
      state.readReplica = { node: answer.preferredReadReplica, until: clock.monotonic() + metadataMaxAgeMs }
    }
    if (answer.records === null || answer.records.length === 0) {
      onProgress()
      return
    }
    const aborted = isolationLevel === 'read_committed' ? answer.abortedTransactions : null
    const fetched = new FetchedRecords(
      state,
      { records: answer.records, aborted, highWatermark: answer.highWatermark, logStartOffset: answer.logStartOffset },
      checkCrcs,
      raw,
    )
    if (fetched.nextOffset < 0) return
    state.fetchPosition = Math.max(state.fetchPosition, fetched.nextOffset)
    state.fetched.push(fetched)
    state.bufferedBytes += fetched.bytes
    onProgress()
  }

  #failed(state: PartitionState, answer: Answer): void {
    const error = errorName(answer.errorCode)
    const { topic, partition } = state
    const { leaderId, leaderEpoch } = answer.currentLeader
    // It said who leads: that one is asked at once.
    if (leaderId >= 0 && this.#options.cluster.image.topics.get(topic)?.partitions[partition]?.leaderEpoch === leaderEpoch) return
    this.#delay(state)
    if (error === 'CORRUPT_MESSAGE') {
      // Tried again all the same: the file may be restored.
      const where = `the record batch at offset ${state.fetchPosition} of ${tpKey(state)}`
      this.#options.onError(
        new MoldauError('CORRUPT_BATCH', `${where} is damaged on the broker's disk: its log names the file; restore it, or seek() past it`),
      )
      return
    }
    if (isRetriable(answer.errorCode) || error === 'UNKNOWN_TOPIC_ID') this.#refresh()
    else this.#options.onError(kafkaError(error, `fetch from ${tpKey(state)} at offset ${state.fetchPosition}`))
  }

  /** A topic that was deleted and created again has other records under the same offsets: its position is found out anew. */
  #isOfOldTopic(state: PartitionState, topicId: string): boolean {
    if (state.topicId === ZERO_UUID || topicId === ZERO_UUID || state.topicId === topicId) {
      state.topicId = topicId
      return false
    }
    this.#options.cluster.logger.warn(
      { topic: state.topic, partition: state.partition },
      'consumer: the topic was deleted and created again',
    )
    state.outOfRange = true
    if (state.fetched.length === 0) this.#options.onOutOfRange(state)
    return true
  }

  /** The topic was deleted, it seems: it may come back, or the program has to know. */
  #lookFor(topic: string): void {
    if (this.#missing.has(topic)) return
    this.#missing.add(topic)
    const { cluster, onError } = this.#options
    cluster
      .topic(topic, false)
      .catch((error: unknown) => {
        if (!this.#closed && error instanceof MoldauError && error.code === 'UNKNOWN_TOPIC') onError(error)
      })
      .finally(() => {
        this.#missing.delete(topic)
        this.wake()
      })
  }

  #delay(state: PartitionState): void {
    const { cluster } = this.#options
    state.retryAt = cluster.clock.monotonic() + backoff(cluster.policy, state.failures++)
  }

  #refresh(): void {
    if (this.#refreshing || this.#closed) return
    this.#refreshing = true
    const { cluster } = this.#options
    cluster
      .refresh()
      .catch((error: unknown) => {
        if (error instanceof MoldauError && error.code === 'CLOSED') this.#closed = true
      })
      .finally(() => {
        cluster.clock.after(backoff(cluster.policy, 0), () => {
          this.#refreshing = false
          this.wake()
        })
      })
  }
}

/** Whether the topic that is known under this name is the one that the group has given. */
function isMeant({ topic, meantTopicId }: PartitionState, image: ClusterImage): boolean {
  const topicId = image.topics.get(topic)?.topicId ?? ZERO_UUID
  return meantTopicId === undefined || topicId === ZERO_UUID || topicId === meantTopicId
}
