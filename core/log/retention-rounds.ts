import type { AgeClock } from '../base/age-clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { PartitionLog } from './partition-log.ts'
import type { Timers } from './timers.ts'

/** Partitions looked at without letting anything else run. */
const PARTITIONS_PER_TURN = 64

export interface RetentionRoundsOptions {
  readonly logs: () => Iterable<PartitionLog>
  readonly age: AgeClock
  readonly timers: Timers
  readonly logger: Logger
}

/** Looks through all logs for segments that are due. */
export class RetentionRounds {
  readonly #options: RetentionRoundsOptions

  constructor(options: RetentionRoundsOptions) {
    this.#options = options
  }

  every(intervalMs: number): void {
    this.#options.timers.every(intervalMs, () => this.#begin())
  }

  soon(): void {
    this.#options.timers.after(0, () => this.#begin())
  }

  #begin(): void {
    this.#look([...this.#options.logs()])
  }

  #look(logs: PartitionLog[]): void {
    const { age, timers, logger } = this.#options
    for (const log of logs.splice(0, PARTITIONS_PER_TURN)) {
      try {
        // It may have been deleted since the round began.
        if (!log.isClosed && !log.untouched) log.applyRetention(age.now())
      } catch (error) {
        logger.error({ topic: log.topic, partition: log.partition, error: messageOf(error) }, 'old segments cannot be deleted')
      }
    }
    if (logs.length > 0) timers.after(0, () => this.#look(logs))
  }
}
