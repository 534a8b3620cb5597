import type { Timer } from '../base/clock.ts'
import type { Connections } from '../cluster/connections.ts'
import type { ConnectionsWatcher } from '../cluster/connections-watcher.ts'
import { isRetriableError } from '../cluster/retry.ts'
import { BrokerFetch } from './broker-fetch.ts'
import type { BrokerFetchOptions } from './broker-fetch.ts'
import { FetchAnswers } from './fetch-answers.ts'
import { FetchRetries } from './fetch-retries.ts'
import { fetchStep } from './fetch-step.ts'
import type { FetchStep } from './fetch-step.ts'
import type { PartitionState } from './partition-state.ts'
import { PositionValidation } from './position-validation.ts'
import { AVOIDED_MS, readFrom } from './read-replica.ts'
import type { OffsetReset } from './types.ts'

export interface FetchLoopOptions extends BrokerFetchOptions {
  autoOffsetReset: OffsetReset
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
  readonly #retries: FetchRetries
  readonly #validation: PositionValidation
  readonly #answers: FetchAnswers
  readonly #brokers: Map<number, BrokerFetch>
  readonly #underWay: Set<number>
  readonly #forgetMetadata: () => void
  #timer: Timer | undefined
  #scheduled: boolean
  #closed: boolean

  constructor(options: FetchLoopOptions) {
    const wake = (): void => this.wake()
    this.#options = options
    this.#connections = options.cluster.connections(options.watcher)
    this.#retries = new FetchRetries({ ...options, wake })
    this.#validation = new PositionValidation({ ...options, retries: this.#retries, wake })
    this.#answers = new FetchAnswers({ ...options, retries: this.#retries, validation: this.#validation })
    this.#brokers = new Map()
    this.#underWay = new Set()
    // Another leader is asked at once, though the one before may still owe an answer.
    this.#forgetMetadata = options.cluster.onMetadata(wake)
    this.#timer = undefined
    this.#scheduled = false
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
    this.#forgetMetadata()
    this.#retries.close()
    this.#timer?.cancel()
    await Promise.all(Array.from(this.#brokers.values(), (broker) => broker.end()))
    this.#options.cluster.release(this.#connections)
  }

  #plan(): void {
    if (this.#closed) return
    const { cluster, partitions, prefetchBytes, maxPartitionFetchBytes } = this.#options
    const now = cluster.clock.monotonic()
    const nodes = new Map<number, PartitionState[] | undefined>()
    const unvalidated: PartitionState[] = []
    let buffered = 0
    let wakeAt = Infinity
    for (const state of partitions) {
      if (state.paused) continue
      buffered += state.bufferedBytes
      const step = fetchStep(state, cluster.image, now)
      if (step === 'validation') unvalidated.push(state)
      else if (step !== 'nothing') this.#prepare(state, step)
      if (state.retryAt > now) wakeAt = Math.min(wakeAt, state.retryAt)
      if (step !== 'nothing') continue
      const node = this.#aim(state, now)
      if (state.bufferedBytes >= maxPartitionFetchBytes) nodes.set(node, undefined)
      else if (!nodes.has(node)) nodes.set(node, [state])
      else nodes.get(node)?.push(state)
    }
    this.#wakeAt(wakeAt, now)
    if (unvalidated.length > 0) this.#validation.start(unvalidated)
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

  /** Whom to fetch from. */
  #aim(state: PartitionState, now: number): number {
    const { cluster } = this.#options
    const { topic, partition, readReplica } = state
    state.topicId = cluster.image.topics.get(topic)!.topicId
    return readFrom(cluster.leader(topic, partition), readReplica, cluster.image, now)
  }

  #prepare(state: PartitionState, step: FetchStep): void {
    const { cluster, onOutOfRange } = this.#options
    const { topic, partition } = state
    if (step === 'topic') this.#retries.lookFor(topic)
    else if (step === 'leader') {
      // Whoever asks for a leader is told of changes.
      cluster.leader(topic, partition)
      this.#retries.refresh()
    } else if (step === 'other topic') {
      this.#retries.delay(state)
      this.#retries.refresh()
    } else if (step === 'new topic') {
      cluster.logger.warn({ topic, partition }, 'consumer: the topic was deleted and created again')
      state.outOfRange = true
      if (state.fetched.length === 0) onOutOfRange(state)
    }
  }

  /** One timer for all that wait. */
  #wakeAt(at: number, now: number): void {
    this.#timer?.cancel()
    this.#timer = at === Infinity ? undefined : this.#options.cluster.clock.after(Math.max(1, at - now), () => this.wake())
  }

  async #fetch(node: number, states: PartitionState[]): Promise<void> {
    const { cluster, onError } = this.#options
    try {
      const got = await this.#broker(node).ask(states)
      if (got !== undefined && !this.#closed) this.#answers.accept(node, got.response, got.answers)
    } catch (error) {
      if (this.#closed) return
      if (!isRetriableError(error)) onError(error as Error)
      for (const state of states) {
        if (state.readReplica?.node === node) state.avoided = { node, until: cluster.clock.monotonic() + AVOIDED_MS }
        state.readReplica = undefined
        this.#retries.delay(state)
      }
      this.#retries.refresh()
    }
  }

  #broker(node: number): BrokerFetch {
    let broker = this.#brokers.get(node)
    if (broker === undefined) this.#brokers.set(node, (broker = new BrokerFetch(node, this.#connections, this.#options)))
    return broker
  }
}
