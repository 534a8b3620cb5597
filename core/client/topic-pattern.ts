import type { Timer } from '../base/clock.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { errorName } from '../protocol/errors.ts'
import { Metadata } from '../protocol/messages/metadata.ts'

/** Finds the topics whose names match, now and every `metadataMaxAgeMs`, and tells of the list when it has changed. */
export class TopicPattern {
  readonly #cluster: Cluster
  readonly #onTopics: (topics: readonly string[]) => void
  #pattern: RegExp | undefined
  #told: string | undefined
  #timer: Timer | undefined

  constructor(cluster: Cluster, onTopics: (topics: readonly string[]) => void) {
    this.#cluster = cluster
    this.#onTopics = onTopics
    this.#pattern = undefined
    this.#told = undefined
    this.#timer = undefined
  }

  watch(pattern: RegExp): void {
    this.stop()
    this.#pattern = pattern
    this.#look(pattern)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#pattern = undefined
    this.#told = undefined
  }

  #look(pattern: RegExp): void {
    const { clock, logger, metadataMaxAgeMs, policy } = this.#cluster
    const again = (ms: number): void => {
      if (this.#pattern === pattern) this.#timer = clock.after(ms, () => this.#look(pattern))
    }
    topicsLike(this.#cluster, pattern).then(
      (topics) => {
        const text = topics.join(' ')
        if (this.#pattern === pattern && this.#told !== text) {
          this.#told = text
          this.#onTopics(topics)
        }
        again(metadataMaxAgeMs)
      },
      (error: unknown) => {
        if (this.#pattern === pattern) logger.warn({ err: error, pattern: String(pattern) }, 'group: topics cannot be listed, trying again')
        again(policy.retryBackoffMaxMs)
      },
    )
  }
}

async function topicsLike(cluster: Cluster, pattern: RegExp): Promise<string[]> {
  const connection = await cluster.any()
  const { topics } = await connection.request(Metadata, { topics: null, allowAutoTopicCreation: false })
  const names = topics.flatMap(({ name, isInternal, errorCode }) =>
    name === null || isInternal || errorName(errorCode) !== 'NONE' || name.search(pattern) < 0 ? [] : [name],
  )
  return names.toSorted()
}
