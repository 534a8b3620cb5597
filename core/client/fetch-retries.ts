import { MoldauError } from '../base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { backoff } from '../cluster/retry.ts'
import { errorName, isRetriable, kafkaError } from '../protocol/errors.ts'
import type { PartitionState } from './partition-state.ts'

export interface FetchRetriesOptions {
  cluster: Cluster
  /** Something may be done now that could not be done before. */
  wake: () => void
  onError: (error: Error) => void
}

/** When a consumer that was refused asks again, and whom: the partition waits, and metadata is looked at in between. */
export class FetchRetries {
  readonly #options: FetchRetriesOptions
  readonly #missing: Set<string>
  #refreshing: boolean
  #closed: boolean

  constructor(options: FetchRetriesOptions) {
    this.#options = options
    this.#missing = new Set()
    this.#refreshing = false
    this.#closed = false
  }

  close(): void {
    this.#closed = true
  }

  /** Leaves the partition alone for a while, longer each time. */
  delay(state: PartitionState): void {
    const { cluster } = this.#options
    state.retryAt = cluster.clock.monotonic() + backoff(cluster.policy, state.failures++)
  }

  /** @param what was asked, for the message */
  refused(state: PartitionState, code: number, what: string): void {
    const error = errorName(code)
    this.delay(state)
    if (isRetriable(code) || error === 'UNKNOWN_TOPIC_ID') this.refresh()
    else this.#options.onError(kafkaError(error, what))
  }

  /** Asks who leads; once at a time and not faster than the back-off. */
  refresh(): void {
    if (this.#refreshing || this.#closed) return
    this.#refreshing = true
    const { cluster, wake } = this.#options
    cluster
      .refresh()
      .catch((error: unknown) => {
        if (error instanceof MoldauError && error.code === 'CLOSED') this.#closed = true
      })
      .finally(() => {
        cluster.clock.after(backoff(cluster.policy, 0), () => {
          this.#refreshing = false
          wake()
        })
      })
  }

  /** The topic was deleted, it seems: it may come back, or the program has to know. */
  lookFor(topic: string): void {
    if (this.#missing.has(topic)) return
    this.#missing.add(topic)
    const { cluster, wake, onError } = this.#options
    cluster
      .topic(topic, false)
      .catch((error: unknown) => {
        if (!this.#closed && error instanceof MoldauError && error.code === 'UNKNOWN_TOPIC') onError(error)
      })
      .finally(() => {
        this.#missing.delete(topic)
        wake()
      })
  }
}
