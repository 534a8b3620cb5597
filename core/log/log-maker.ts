import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import type { MoldauError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { RandomBytes } from '../base/uuid.ts'
import type { LogConfig } from './config.ts'
import type { LogPools } from './file-pool.ts'
import type { LogManagerOptions } from './log-manager-types.ts'
import { PartitionLog } from './partition-log.ts'

export interface LogMakerOptions {
  /** The broker's folder. */
  readonly dir: string
  readonly pools: LogPools
  readonly clock: Clock
  /** Wall time by which things are old enough to be forgotten. */
  readonly age: Pick<Clock, 'now'>
  readonly logger: Logger
  readonly random: RandomBytes
  readonly showsSyncedOnly: boolean
  /** Up to where a log was compacted. */
  readonly cleanedTo: (topic: string, partition: number) => number
  /** The disk has refused a write or a sync. */
  readonly onFailure: (log: PartitionLog, error: MoldauError) => void
  readonly onHealedWithLoss: (topic: string, partition: number) => void
  readonly onRecordsLost: LogManagerOptions['onRecordsLost']
}

/** What is known of a log before its folder is looked at. */
export interface KnownOfLog {
  readonly config: LogConfig
  /** It was closed in order. */
  readonly clean: boolean
  readonly writesSurvived?: boolean
  readonly recoveryPoint?: number
  readonly logStartOffset?: number
}

/** Makes the logs of a broker's folder, which differ in nothing but what is known of each. */
export class LogMaker {
  readonly #options: LogMakerOptions

  constructor(options: LogMakerOptions) {
    this.#options = options
  }

  directoryOf(topic: string, partition: number): string {
    return join(this.#options.dir, `${topic}-${partition}`)
  }

  make(topic: string, partition: number, known: KnownOfLog): PartitionLog {
    const { pools, clock, age, logger, random, showsSyncedOnly, cleanedTo, onFailure, onHealedWithLoss, onRecordsLost } = this.#options
    const log: PartitionLog = new PartitionLog({
      topic,
      partition,
      directory: this.directoryOf(topic, partition),
      pools,
      clock,
      age,
      logger,
      random,
      showsSyncedOnly,
      cleanedTo: () => cleanedTo(topic, partition),
      ...known,
      onFailure: (error) => onFailure(log, error),
      onHealedWithLoss: () => onHealedWithLoss(topic, partition),
      onRecordsLost: (from, to) => onRecordsLost?.({ topic, partition, from, to }),
    })
    return log
  }
}
