import { messageOf } from '../core/base/errors.ts'
import type { Assignment } from './assignment.ts'
import type { Settings } from './options.ts'

/** Kafka Streams' `repartition.purge.interval.ms`. */
const PURGE_MS = 30_000

/** Deletes what has been read of repartition topics: they keep their records for ever otherwise, so that a slow reader loses none. */
export class Purge {
  readonly #settings: Settings
  #last: number
  #running: boolean

  constructor(settings: Settings) {
    this.#settings = settings
    this.#last = settings.clock.monotonic()
    this.#running = false
  }

  /** Call it when an epoch was committed: positions are durable then. Does not wait; a failure is tried again at the next time. */
  tick(assignment: Assignment): void {
    const now = this.#settings.clock.monotonic()
    if (this.#running || now - this.#last < PURGE_MS) return
    this.#last = now
    void this.run(assignment)
  }

  /** Deletes now: at a bounded end, so that nothing is left. */
  async run(assignment: Assignment): Promise<void> {
    const before = [...assignment.tasks]
      .flatMap(({ inputs }) => inputs.filter((input) => input.repartition))
      .map(({ topic, partition }) => ({ topic, partition, offset: assignment.position({ topic, partition }) }))
    if (before.length > 0) await this.#delete(before)
  }

  async #delete(before: { topic: string; partition: number; offset: number }[]): Promise<void> {
    this.#running = true
    try {
      await this.#settings.client.admin.deleteRecords(before)
    } catch (error) {
      this.#settings.logger.warn({ err: error }, `read records of repartition topics could not be deleted: ${messageOf(error)}`)
    }
    this.#running = false
  }
}
