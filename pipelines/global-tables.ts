import { MoldauError, messageOf } from '../core/base/errors.ts'
import type { Consumer } from '../core/client/consumer.ts'
import type { ConsumerBatch, TopicPartition } from '../core/client/types.ts'
import type { GlobalStores } from './global-stores.ts'
import type { Settings } from './options.ts'
import { endOffsets } from './restore.ts'
import { Patience } from './retry.ts'
import { keyOf } from './slices.ts'

/** How long a poll waits, in milliseconds: how soon a stop is noticed. */
const POLL_MS = 100
/** How long reading may go without a step forward before tables are whole, in milliseconds: longer than any transaction may stay open. */
const STALLED_MS = 120_000

/**
 * Reads the topics of global tables, whole, by a consumer of its own: to where they end now before anything runs, and after that whatever comes,
 * outside of all epochs. Committed records only.
 */
export class GlobalTables {
  readonly #settings: Settings
  readonly #stores: GlobalStores
  #consumer: Consumer | undefined
  #following: Promise<void>
  #failure: unknown
  #closed: boolean
  /** Who waits until the tables have come as far as the topics are. */
  #waiting: { readonly ends: ReadonlyMap<string, number>; readonly done: () => void }[]

  constructor(settings: Settings, stores: GlobalStores) {
    this.#settings = settings
    this.#stores = stores
    this.#consumer = undefined
    this.#following = Promise.resolve()
    this.#failure = undefined
    this.#closed = false
    this.#waiting = []
  }

  /** Resolves when the tables are whole. */
  async start(): Promise<void> {
    if (this.#stores.topics.length === 0) return
    const { client, clock } = this.#settings
    const consumer = client.consumer({ isolationLevel: 'read_committed', autoOffsetReset: 'earliest', maxPollRecords: 10_000 })
    this.#consumer = consumer
    const partitions = await this.#partitions()
    const begins = await consumer.beginningOffsets(partitions)
    const ends = await endOffsets(this.#settings, partitions)
    consumer.assign(partitions.map((partition) => ({ ...partition, offset: begins.get(keyOf(partition))! })))
    for (let moved = clock.monotonic(); !this.#hasReached(ends);) {
      if ((await this.#poll(consumer)) > 0) moved = clock.monotonic()
      if (clock.monotonic() - moved > STALLED_MS) throw stalled(this.#stores.topics)
    }
    this.#following = this.#follow(consumer)
  }

  /** @throws what has ended the following: from then on the tables grow old */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Resolves when everything is there that the topics have now: the last run of a drain sees it. */
  async catchUp(): Promise<void> {
    if (this.#consumer === undefined || this.#failure !== undefined) return
    const ends = await endOffsets(this.#settings, await this.#partitions())
    await new Promise<void>((done) => {
      this.#waiting.push({ ends, done })
      this.#release()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#following
    await this.#consumer?.close()
  }

  /** Never rejects. */
  async #follow(consumer: Consumer): Promise<void> {
    let patience: Patience | undefined
    while (!this.#closed && this.#failure === undefined) {
      try {
        await this.#poll(consumer)
        patience = undefined
      } catch (error) {
        patience ??= new Patience(this.#settings)
        await patience.wait(error).catch((final: unknown) => (this.#failure = final))
      }
      this.#release()
    }
    for (const { done } of this.#waiting) done()
  }

  async #poll(consumer: Consumer): Promise<number> {
    const batches = await consumer.poll(POLL_MS)
    for (const batch of batches) this.#take(batch)
    return batches.length
  }

  #take(batch: ConsumerBatch): void {
    const { columns, from, count, topic } = batch
    for (let i = from; i < from + count; i++) {
      try {
        this.#stores.take(topic, columns.key(i), columns.value(i), columns.timestamp(i))
      } catch (cause) {
        throw unreadable(topic, `${keyOf(batch)}@${columns.offset(i)}`, cause)
      }
    }
  }

  #release(): void {
    this.#waiting = this.#waiting.filter(({ ends, done }) => {
      if (this.#failure === undefined && !this.#hasReached(ends)) return true
      done()
      return false
    })
  }

  /** Whether everything before these offsets has been read. */
  #hasReached(ends: ReadonlyMap<string, number>): boolean {
    const consumer = this.#consumer!
    return consumer.assignment().every((partition) => (consumer.position(partition) ?? 0) >= (ends.get(keyOf(partition)) ?? 0))
  }

  async #partitions(): Promise<TopicPartition[]> {
    const described = await this.#settings.client.admin.describeTopics(this.#stores.topics)
    return described.flatMap(({ name, partitions }) => partitions.map(({ partition }) => ({ topic: name, partition })))
  }
}

function unreadable(topic: string, record: string, cause: unknown): MoldauError {
  return new MoldauError(
    'SERDE_FAILED',
    `the global table of '${topic}' cannot read ${record}: ${messageOf(cause)}. Declare the topic with the serdes that its producer used`,
    { cause },
  )
}

function stalled(topics: readonly string[]): MoldauError {
  return new MoldauError(
    'TIMEOUT',
    `reading the global tables of ${topics.join(', ')} has come no further for ${STALLED_MS / 1000} s; is a transaction open on one of them, ` +
      'or its leader away?',
    { retriable: true },
  )
}
