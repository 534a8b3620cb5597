import type { CatalogTopic, TopicCatalog } from '../coordinator/topic-catalog.ts'
import type { EventHub } from '../base/event-hub.ts'
import type { BrokerEvents } from './events.ts'
import type { Topics } from './topics.ts'

/** The topics of the broker as its coordinators see them. */
export class BrokerTopicCatalog implements TopicCatalog {
  readonly #topics: Topics
  version: number

  constructor(topics: Topics, events: EventHub<BrokerEvents>) {
    this.#topics = topics
    this.version = 0
    for (const change of ['topicCreated', 'topicChanged', 'topicDeleted'] as const) events.on(change, () => void this.version++)
  }

  get(name: string): CatalogTopic | undefined {
    return this.#topics.get(name)
  }

  byId(id: string): CatalogTopic | undefined {
    return this.#topics.byId(id)
  }

  *names(): Generator<string> {
    for (const { name } of this.#topics.list()) yield name
  }
}
