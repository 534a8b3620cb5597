import { MoldauError } from '../base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { BrokerConnection } from '../cluster/connection.ts'
import { matchesTopics } from './group-heartbeat.ts'
import type { Subscription } from './membership.ts'
import { TopicPattern } from './topic-pattern.ts'

/** What a member of a group of KIP-848 subscribes to: an expression as it is where the coordinator matches it, else as the names that match. */
export class SubscribedTopics {
  readonly #cluster: Cluster
  readonly #pattern: TopicPattern
  readonly #onChange: () => void
  #subscription: Subscription
  #matched: readonly string[] | undefined

  constructor(cluster: Cluster, onChange: () => void) {
    this.#cluster = cluster
    this.#onChange = onChange
    this.#subscription = []
    this.#matched = undefined
    this.#pattern = new TopicPattern(cluster, (topics) => {
      this.#matched = topics
      onChange()
    })
  }

  set(subscription: Subscription): void {
    this.close()
    this.#subscription = subscription
    this.#onChange()
    if (!(subscription instanceof RegExp)) void this.#lookFor(subscription)
  }

  /** What to tell this coordinator. */
  for(connection: BrokerConnection): Subscription {
    if (!(this.#subscription instanceof RegExp) || matchesTopics(connection)) return this.#subscription
    if (this.#matched === undefined) this.#pattern.watch(this.#subscription)
    return this.#matched ?? []
  }

  /** The coordinator assigns nothing of a topic that does not exist, and does not say why. */
  async #lookFor(topics: readonly string[]): Promise<void> {
    const { logger } = this.#cluster
    for (const topic of topics) {
      await this.#cluster.topic(topic).catch((error: unknown) => {
        const isMissing = error instanceof MoldauError && error.code === 'UNKNOWN_TOPIC'
        if (isMissing && this.#subscription === topics) logger.warn({ topic }, 'group: a subscribed topic does not exist')
      })
    }
  }

  close(): void {
    this.#pattern.stop()
    this.#subscription = []
    this.#matched = undefined
  }
}
