import { randomUuid } from '../../core/base/uuid.ts'
import type { CatalogTopic, TopicCatalog } from '../../core/coordinator/topic-catalog.ts'

/** Topics as a coordinator sees them, made by a test. */
export class MemoryTopics implements TopicCatalog {
  readonly #topics: Map<string, CatalogTopic>
  version: number

  constructor(topics: Readonly<Record<string, number>> = {}) {
    this.#topics = new Map()
    this.version = 0
    for (const [name, partitions] of Object.entries(topics)) this.set(name, partitions)
  }

  /** Creates the topic, or gives it another number of partitions. */
  set(name: string, partitions: number): CatalogTopic {
    const topic = { name, id: this.#topics.get(name)?.id ?? randomUuid(), partitions }
    this.#topics.set(name, topic)
    this.version++
    return topic
  }

  delete(name: string): void {
    this.#topics.delete(name)
    this.version++
  }

  get(name: string): CatalogTopic | undefined {
    return this.#topics.get(name)
  }

  byId(id: string): CatalogTopic | undefined {
    for (const topic of this.#topics.values()) if (topic.id === id) return topic
    return undefined
  }

  names(): Iterable<string> {
    return this.#topics.keys()
  }
}
