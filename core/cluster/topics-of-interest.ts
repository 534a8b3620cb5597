import type { Clock } from '../base/clock.ts'
import type { MetadataRequest, MetadataResponse } from '../protocol/messages/metadata.ts'
import { emptyImage, mergeMetadata, withoutTopic } from './metadata.ts'
import type { ClusterImage } from './metadata.ts'

export type AskMetadata = (request: { topics: MetadataRequest['topics']; allowAutoTopicCreation: boolean }) => Promise<MetadataResponse>

interface Question {
  create: boolean
  answer: Promise<void>
}

const NO_ID = { topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }

/** The cache of metadata: knows the topics that somebody asked for, asks one question at a time, and joins what is asked meanwhile into the next. */
export class TopicsOfInterest {
  readonly #ask: AskMetadata
  readonly #clock: Clock
  readonly #maxIdleMs: number
  /** When it was last seen that somebody wants to know of a topic. */
  readonly #tracked: Map<string, number>
  /** Asked for or used since the last question. */
  readonly #used: Set<string>
  readonly #changed: Set<() => void>
  #image: ClusterImage
  #running: Promise<void> | undefined
  #next: Question | undefined

  /** @param maxIdleMs after so long without use a topic is forgotten: Kafka's `metadata.max.idle.ms` */
  constructor(ask: AskMetadata, clock: Clock, maxIdleMs: number) {
    this.#ask = ask
    this.#clock = clock
    this.#maxIdleMs = maxIdleMs
    this.#tracked = new Map()
    this.#used = new Set()
    this.#changed = new Set()
    this.#image = emptyImage
    this.#running = undefined
    this.#next = undefined
  }

  get image(): ClusterImage {
    return this.#image
  }

  get ageMs(): number {
    return this.#clock.monotonic() - this.#image.fetchedAt
  }

  /** Calls `handler` after each answer; returns the way to stop that. */
  onChange(handler: () => void): () => void {
    this.#changed.add(handler)
    return () => void this.#changed.delete(handler)
  }

  /** Asks for `names` and everything asked for before. Resolves when an answer to a question that began after this call has come. */
  refresh(names: Iterable<string> = [], create = false): Promise<void> {
    for (const name of names) this.use(name)
    if (this.#next !== undefined && (this.#next.create || !create)) return this.#next.answer
    if (this.#next !== undefined) {
      this.#next.create = true
      return this.#next.answer
    }
    const question: Question = { create, answer: Promise.resolve() }
    question.answer = (this.#running ?? Promise.resolve()).catch(() => {}).then(() => this.#run(question))
    this.#next = question
    return question.answer
  }

  /** Somebody needs the topic: it is asked for from now on. */
  use(name: string): void {
    this.#used.add(name)
  }

  /** Puts what was learned elsewhere in the image's place; tells those who listen when it is another one. */
  amend(image: ClusterImage): void {
    if (image === this.#image) return
    this.#image = image
    for (const handler of this.#changed) handler()
  }

  /** Topics nobody needs any more are not asked for again. */
  forget(name: string): void {
    this.#tracked.delete(name)
    this.#used.delete(name)
    this.#image = withoutTopic(this.#image, name)
  }

  /** What was known of the topics is of another cluster. */
  reset(): void {
    this.#image = emptyImage
  }

  async #run(question: Question): Promise<void> {
    this.#next = undefined
    const run = this.#question(question)
    this.#running = run
    try {
      await run
    } finally {
      if (this.#running === run) this.#running = undefined
    }
  }

  async #question(question: Question): Promise<void> {
    const now = this.#clock.monotonic()
    for (const name of this.#used) this.#tracked.set(name, now)
    this.#used.clear()
    for (const [name, usedAt] of this.#tracked) if (now - usedAt > this.#maxIdleMs) this.forget(name)
    const topics = [...this.#tracked.keys()].map((name) => ({ ...NO_ID, name }))
    const response = await this.#ask({ topics, allowAutoTopicCreation: question.create })
    this.#image = mergeMetadata(this.#image, response, this.#clock.monotonic())
    for (const handler of this.#changed) handler()
  }
}
