import type { Cluster } from '../cluster/cluster.ts'
import { Metadata } from '../protocol/messages/metadata.ts'

/** From version 12 on topics can be asked for by id alone. */
const VERSION_WITH_IDS = 12

/** Names of topics that a coordinator speaks of by id. Ids that nobody knows yet are looked for in the background. */
export class TopicNames {
  readonly #cluster: Cluster
  readonly #onFound: () => void
  readonly #names: Map<string, string>
  #looking: boolean

  constructor(cluster: Cluster, onFound: () => void) {
    this.#cluster = cluster
    this.#onFound = onFound
    this.#names = new Map()
    this.#looking = false
  }

  get(topicId: string): string | undefined {
    return this.#cluster.image.topicNames.get(topicId) ?? this.#names.get(topicId)
  }

  /** Forgets all names but those of `topicIds`, and looks for those that are missing. */
  want(topicIds: ReadonlySet<string>): void {
    for (const id of this.#names.keys()) if (!topicIds.has(id)) this.#names.delete(id)
    const missing = [...topicIds].filter((id) => this.get(id) === undefined)
    if (missing.length === 0 || this.#looking) return
    this.#looking = true
    this.#look(missing).then(
      () => {
        this.#looking = false
        this.#onFound()
      },
      (error: unknown) => {
        this.#looking = false
        this.#cluster.logger.warn({ err: error }, 'group: topics cannot be found by their ids, trying again')
      },
    )
  }

  async #look(topicIds: readonly string[]): Promise<void> {
    const connection = await this.#cluster.any()
    if (connection.supports(Metadata, VERSION_WITH_IDS)) {
      const topics = topicIds.map((topicId) => ({ topicId, name: null }))
      const answer = await connection.request(Metadata, { topics, allowAutoTopicCreation: false })
      for (const { topicId, name } of answer.topics) if (name !== null && name !== '') this.#names.set(topicId, name)
      await this.#cluster.refresh(this.#names.values())
    } else await this.#cluster.refresh()
  }
}
