import type { Clock } from '../../core/base/clock.ts'
import type { Logger } from '../../core/base/logger.ts'
import type { Producer } from '../../core/client/producer.ts'
import type { OffsetToCommit } from '../../core/client/types.ts'
import { keyOf } from '../slices.ts'
import type { Positions } from './transaction.ts'
import { Writing } from './writing.ts'

/** How often positions are written, in milliseconds: as often as Kafka's consumer does it by itself (`auto.commit.interval.ms`). */
const REPORT_MS = 5000

/**
 * No guarantee: nothing waits for acknowledgements, positions are written now and then, and what could not be written is told by the log
 * alone. Who dies may have lost what was on its way, and does again what came after the last report.
 */
export class BestEffort extends Writing {
  readonly runsOnce = false
  readonly #clock: Clock
  readonly #logger: Logger
  /** Of the latest epoch of each partition, since the last report. */
  readonly #offsets: Map<string, OffsetToCommit>
  #latest: Positions | undefined
  #reportedAt: number
  /** Never rejects. */
  #reporting: Promise<void>

  constructor(producer: Producer, clock: Clock, logger: Logger) {
    super(producer)
    this.#clock = clock
    this.#logger = logger
    this.#offsets = new Map()
    this.#latest = undefined
    this.#reportedAt = clock.monotonic()
    this.#reporting = Promise.resolve()
  }

  commit(positions: Positions): Promise<void> {
    for (const offset of positions.offsets()) this.#offsets.set(keyOf(offset), offset)
    this.#latest = positions
    const now = this.#clock.monotonic()
    if (now - this.#reportedAt >= REPORT_MS) {
      this.#reportedAt = now
      void this.settle()
    }
    return Promise.resolve()
  }

  override settle(): Promise<void> {
    const latest = this.#latest
    const offsets = [...this.#offsets.values()]
    this.#latest = undefined
    this.#offsets.clear()
    this.#reporting = this.#reporting.then(async () => {
      try {
        latest?.append()
        await this.producer.flush()
        if (offsets.length > 0) await latest?.consumer?.commit(offsets)
      } catch (error) {
        this.#logger.warn({ err: error }, 'some of what was written, or the positions behind it, may be lost')
      }
    })
    return this.#reporting
  }

  override async close(): Promise<void> {
    await this.settle()
    await super.close()
  }
}
