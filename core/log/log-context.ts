import type { Clock } from '../base/clock.ts'
import { MoldauError } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import type { Logger } from '../base/logger.ts'
import type { RandomBytes } from '../base/uuid.ts'
import { KafkaError, kafkaError } from '../protocol/errors.ts'
import { type LogConfig, isCompacted } from './config.ts'
import type { LogPools } from './file-pool.ts'
import { IndexSizes } from './index-sizes.ts'

export interface LogContextOptions {
  readonly topic: string
  readonly partition: number
  readonly directory: string
  readonly config: LogConfig
  readonly pools: LogPools
  readonly clock: Clock
  /** Wall time by which things are old enough to be forgotten. */
  readonly age: Pick<Clock, 'now'>
  readonly logger: Logger
  readonly random: RandomBytes
  /** Up to where the log was compacted, whatever its policy is now. Default: nowhere. */
  readonly cleanedTo?: () => number
}

/** What the parts of one log share: where it lives, its settings of now, and how it tells of what goes wrong. */
export class LogContext {
  readonly topic: string
  readonly partition: number
  readonly directory: string
  readonly pools: LogPools
  readonly clock: Clock
  readonly indexSizes: IndexSizes
  readonly age: Pick<Clock, 'now'>
  /** Settings may change while the log is open. */
  config: LogConfig
  readonly #logger: Logger
  readonly #random: RandomBytes
  readonly #cleanedTo: () => number

  constructor(options: LogContextOptions) {
    this.topic = options.topic
    this.partition = options.partition
    this.directory = options.directory
    this.pools = options.pools
    this.clock = options.clock
    this.indexSizes = new IndexSizes(options.pools.files.files, options.directory)
    this.age = options.age
    this.config = options.config
    this.#logger = options.logger
    this.#random = options.random
    this.#cleanedTo = options.cleanedTo ?? (() => 0)
  }

  get files(): Files {
    return this.pools.files.files
  }

  get name(): string {
    return `${this.topic}-${this.partition}`
  }

  /** A random number from 0 to below 1. */
  share(): number {
    return this.#random(Buffer.alloc(4)).readUInt32BE(0) / 2 ** 32
  }

  /** Whether offsets from `offset` on may be missing because compaction has taken their records, and not because something is lost. */
  mayHaveGaps(offset: number): boolean {
    return isCompacted(this.config) || offset < this.#cleanedTo()
  }

  warn(fields: object, message: string): void {
    this.#logger.warn({ topic: this.topic, partition: this.partition, ...fields }, message)
  }

  error(fields: object, message: string): void {
    this.#logger.error({ topic: this.topic, partition: this.partition, ...fields }, message)
  }

  /** Runs what touches the disk: an error of the disk becomes the KAFKA_STORAGE_ERROR that a client is answered. */
  guard<T>(operation: string, run: () => T): T {
    try {
      return run()
    } catch (error) {
      if (error instanceof KafkaError || !(error instanceof MoldauError) || error.code !== 'STORAGE_FAILED') throw error
      this.error({ error: error.message }, `${operation} failed`)
      throw kafkaError('KAFKA_STORAGE_ERROR', `${this.name}: ${error.message}`)
    }
  }
}
