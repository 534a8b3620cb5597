import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { OffsetToCommit } from './types.ts'

export interface AutoCommitOptions {
  clock: Clock
  logger: Logger
  intervalMs: number
  /** Of what is done. */
  positions: () => OffsetToCommit[]
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

  constructor(options: AutoCommitOptions) {
    this.#options = options
    this.#nextAt = options.clock.monotonic() + options.intervalMs
    this.#running = undefined
    this.#ended = false
  }

  /** A poll begins: what was handed out is done. */
  polled(): void {
    const { clock, intervalMs } = this.#options
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
    const { positions, commit, logger, onFailure } = this.#options
    try {
      await commit(positions())
    } catch (error) {
      logger.warn({ err: error }, 'consumer: the positions could not be committed')
      onFailure(error)
    }
  }
}
