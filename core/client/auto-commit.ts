import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import type { Assignment } from './assignment.ts'
import type { ConsumerBatch, OffsetToCommit } from './types.ts'

export interface AutoCommitOptions {
  clock: Clock
  logger: Logger
  intervalMs: number
  assignment: Assignment
  commit: (offsets: readonly OffsetToCommit[]) => Promise<void>
  /** Told of a commit that failed; everything goes on. */
  onFailure: (error: unknown) => void
}

/** Commits what was handed out by the polls before this one, every so often, before partitions are given up, and at the end (Kafka's `enable.auto.commit`). */
export class AutoCommit {
  readonly #options: AutoCommitOptions
  #nextAt: number
  #running: Promise<void> | undefined
  #ended: boolean
  #unfinished: { batches: readonly ConsumerBatch[]; from: number }

  constructor(options: AutoCommitOptions) {
    this.#options = options
    this.#nextAt = options.clock.monotonic() + options.intervalMs
    this.#running = undefined
    this.#ended = false
    this.#unfinished = { batches: [], from: 0 }
  }

  /** Batches that were handed out and that the program has not come back from, beginning at index `from`: they are left out. */
  unfinished(batches: readonly ConsumerBatch[], from: number): void {
    this.#unfinished = { batches, from }
  }

  /** A poll begins: what was handed out is done. */
  polled(): void {
    const { clock, intervalMs } = this.#options
    this.#unfinished = { batches: [], from: 0 }
    if (this.#ended || clock.monotonic() < this.#nextAt || this.#running !== undefined) return
    this.#nextAt = clock.monotonic() + intervalMs
    this.#running = this.#commit().finally(() => (this.#running = undefined))
  }

  /** As {@link AutoCommit.finish}; polls commit nothing any more: what the program commits while it is closed is the last word. */
  end(): Promise<void> {
    this.#ended = true
    return this.finish()
  }

  /** Commits now, and waits for it. A failure is no reason not to go on: what was not committed is read again. */
  async finish(): Promise<void> {
    await this.#running
    await this.#commit()
  }

  async #commit(): Promise<void> {
    const { assignment, commit, logger, onFailure } = this.#options
    const { batches, from } = this.#unfinished
    const begins = new Map(
      batches
        .slice(from)
        .toReversed()
        .map((batch) => [tpKey(batch), batch.firstOffset]),
    )
    const offsets = assignment.positions().map((position): OffsetToCommit => {
      const offset = begins.get(tpKey(position))
      // The leader epoch is that of what lies before the position, not before the batch.
      return offset === undefined ? position : { topic: position.topic, partition: position.partition, offset }
    })
    try {
      await commit(offsets)
    } catch (error) {
      logger.warn({ err: error }, 'consumer: the positions could not be committed')
      onFailure(error)
    }
  }
}
