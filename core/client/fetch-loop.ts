import { MoldauError } from '../base/errors.ts'
import { ZERO_UUID } from '../base/uuid.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Connections } from '../cluster/connections.ts'
import { backoff, isRetriableError } from '../cluster/retry.ts'
import { byTopic, tpKey } from '../cluster/topic-partition.ts'
import { errorName, isRetriable, kafkaError, throwOnError } from '../protocol/errors.ts'
import { Fetch } from '../protocol/messages/fetch.ts'
import type { FetchResponse } from '../protocol/messages/fetch.ts'
import { FetchedRecords } from './fetched-records.ts'
import type { ConnectionsWatcher } from '../cluster/connections-watcher.ts'
import type { PartitionState } from './partition-state.ts'
import type { Isolation } from './types.ts'

export interface FetchLoopOptions {
  cluster: Cluster
  isolationLevel: Isolation
  fetchMinBytes: number
  fetchMaxWaitMs: number
  fetchMaxBytes: number
  maxPartitionFetchBytes: number
  prefetchBytes: number
  checkCrcs: boolean
  partitions: Iterable<PartitionState>
  watcher: ConnectionsWatcher
  /** Something has come, or a position has moved. */
  onProgress: () => void
  /** The position is not in the log. */
  onOutOfRange: (state: PartitionState) => void
  onError: (error: Error) => void
}

const MAX_VERSION_WITHOUT_TOPIC_IDS = 12
type Answer = FetchResponse['responses'][number]['partitions'][number]

interface Question {
  state: PartitionState
  version: number
  offset: number
}

/**
 * Keeps one fetch under way per broker. A broker is asked when none of its partitions has as much lying here as one fetch may bring:
 * while the others were waited for, that one would stand still.
 */
export class FetchLoop {
  readonly #options: FetchLoopOptions
  readonly #connections: Connections
  readonly #underWay: Set<number>
  readonly #missing: Set<string>
  #scheduled: boolean
  #refreshing: boolean
  #closed: boolean

  constructor(options: FetchLoopOptions) {
    this.#options = options
    this.#connections = options.cluster.connections(options.watcher)
    this.#underWay = new Set()
    this.#missing = new Set()
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

  close(): void {
    this.#closed = true
    this.#options.cluster.release(this.#connections)
  }

  #plan(): void {
    if (this.#closed) return
    const { cluster, partitions, prefetchBytes, maxPartitionFetchBytes } = this.#options
    const now = cluster.clock.monotonic()
    const nodes = new Map<number, PartitionState[] | undefined>()
    let buffered = 0
    for (const state of partitions) {
      if (state.paused) continue
      buffered += state.bufferedBytes
      if (state.position === undefined || state.outOfRange) continue
      if (state.retryAt > now) {
        cluster.clock.after(Math.max(1, state.retryAt - now), () => this.wake())
        continue
      }
      const leader = cluster.leader(state.topic, state.partition)
      if (leader < 0) {
        if (cluster.image.topics.has(state.topic)) this.#refresh()
        else this.#lookFor(state.topic)
        continue
      }
      if (state.bufferedBytes >= maxPartitionFetchBytes) nodes.set(leader, undefined)
      else if (!nodes.has(leader)) nodes.set(leader, [state])
      else nodes.get(leader)?.push(state)
    }
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

  async #fetch(node: number, states: PartitionState[]): Promise<void> {
    const { cluster, isolationLevel, fetchMinBytes, fetchMaxWaitMs, fetchMaxBytes, maxPartitionFetchBytes } = this.#options
    const questions = states.map((state) => ({ state, version: state.version, offset: state.fetchPosition }))
    const topics = [...byTopic(states)].map(([topic, list]) => {
      const info = cluster.image.topics.get(topic)
      return {
        topic,
        topicId: info?.topicId ?? ZERO_UUID,
        partitions: list.map((state) => ({
          partition: state.partition,
          currentLeaderEpoch: info?.partitions[state.partition]?.leaderEpoch ?? -1,
          fetchOffset: state.fetchPosition,
          partitionMaxBytes: maxPartitionFetchBytes,
        })),
      }
    })
    for (const state of states) this.#noticeNewTopic(state, topics.find((t) => t.topic === state.topic)!.topicId)
    const withoutIds = topics.some((topic) => topic.topicId === ZERO_UUID)
    const limits = {
      timeoutMs: cluster.requestTimeoutMs + fetchMaxWaitMs,
      ...(withoutIds ? { maxVersion: MAX_VERSION_WITHOUT_TOPIC_IDS } : {}),
    }
    const body = {
      maxWaitMs: fetchMaxWaitMs,
      minBytes: fetchMinBytes,
      maxBytes: fetchMaxBytes,
      isolationLevel: isolationLevel === 'read_committed' ? 1 : 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics,
      forgottenTopicsData: [],
    }
    try {
      const connection = await this.#connections.get(node)
      const response = await connection.request(Fetch, body, limits)
      throwOnError(response.errorCode, 'fetch')
      this.#accept(questions, topics, response)
    } catch (error) {
      if (this.#closed) return
      if (!isRetriableError(error)) this.#options.onError(error as Error)
      for (const state of states) this.#delay(state)
      this.#refresh()
    }
  }

  #accept(questions: Question[], topics: readonly { topic: string; topicId: string }[], response: FetchResponse): void {
    const byKey = new Map(questions.map((question) => [tpKey(question.state), question]))
    for (const topic of response.responses) {
      const name = topic.topic === '' ? topics.find((t) => t.topicId === topic.topicId)?.topic : topic.topic
      for (const answer of topic.partitions) {
        const question = byKey.get(`${name}-${answer.partitionIndex}`)
        // A seek, a revocation or a restart since then: the answer is to an old question.
        if (question === undefined || question.version !== question.state.version || question.offset !== question.state.fetchPosition)
          continue
        this.#answered(question.state, answer)
      }
    }
  }

  #answered(state: PartitionState, answer: Answer): void {
    const { isolationLevel, checkCrcs, onProgress, onOutOfRange } = this.#options
    const error = errorName(answer.errorCode)
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
    state.highWatermark = answer.highWatermark
    state.lastStableOffset = answer.lastStableOffset
    state.logStartOffset = answer.logStartOffset
    if (answer.records === null || answer.records.length === 0) {
      onProgress()
      return
    }
    const aborted = isolationLevel === 'read_committed' ? answer.abortedTransactions : null
    const fetched = new FetchedRecords(
      state,
      { records: answer.records, aborted, highWatermark: answer.highWatermark, logStartOffset: answer.logStartOffset },
      checkCrcs,
    )
    if (fetched.nextOffset < 0) return
    state.fetchPosition = Math.max(state.fetchPosition, fetched.nextOffset)
    state.fetched.push(fetched)
    state.bufferedBytes += fetched.bytes
    onProgress()
  }

  #failed(state: PartitionState, answer: Answer): void {
    const error = errorName(answer.errorCode)
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

  /** A topic that was deleted and created again has other records under the same offsets. */
  #noticeNewTopic(state: PartitionState, topicId: string): void {
    const before = state.topicId
    state.topicId = topicId
    if (before === ZERO_UUID || topicId === ZERO_UUID || before === topicId) return
    this.#options.cluster.logger.warn(
      { topic: state.topic, partition: state.partition },
      'consumer: the topic was deleted and created again',
    )
    state.outOfRange = true
    if (state.fetched.length === 0) this.#options.onOutOfRange(state)
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
