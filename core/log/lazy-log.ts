import { systemClock } from '../base/clock.ts'
import { MoldauError, messageOf } from '../base/errors.ts'
import { silentLogger } from '../base/logger.ts'
import { systemRandom } from '../base/uuid.ts'
import { logConfigDefaults } from './config.ts'
import { Durability } from './durability.ts'
import { LOG } from './file-names.ts'
import { LogContext } from './log-context.ts'
import { OpenLog } from './open-log.ts'
import type { PartitionLogOptions } from './partition-log-types.ts'
import { recoverLog } from './recovery.ts'
import { Timers } from './timers.ts'

/** The folder of a log, which is looked at when something is first asked of it, until the log is closed. */
export class LazyLog {
  readonly context: LogContext
  readonly durability: Durability
  readonly timers: Timers
  readonly #options: PartitionLogOptions
  #loaded: OpenLog | undefined
  #closed: boolean

  /** @param onFlushed told when more is synced than before */
  constructor(options: PartitionLogOptions, onFlushed: () => void) {
    const { topic, partition, directory, pools, clock = systemClock, logger = silentLogger, random = systemRandom, cleanedTo } = options
    const { config = logConfigDefaults, age = clock } = options
    const context = new LogContext({
      topic,
      partition,
      directory,
      pools,
      clock,
      age,
      logger,
      random,
      config,
      ...(cleanedTo && { cleanedTo }),
    })
    this.context = context
    this.#options = options
    const log = (): OpenLog => this.load()
    const onFailure = (error: MoldauError): void => this.#failed(error)
    const { files } = context
    this.durability = new Durability({ files, directory, log, onFailure, onFlushed }, options.recoveryPoint ?? 0)
    this.timers = new Timers(clock, (error) => context.error({ error: messageOf(error) }, 'housekeeping failed'))
    this.#loaded = undefined
    this.#closed = false
  }

  /** Once the folder was looked at. */
  get loaded(): OpenLog | undefined {
    return this.#loaded
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** The folder has no segment: nobody has ever written or read here, there is nothing to recover or to delete. */
  get untouched(): boolean {
    return this.#loaded === undefined && !this.#names().some(isSegment)
  }

  /** {@link LazyLog.load}, unless it is {@link LazyLog.untouched}. */
  recover(): void {
    if (this.#loaded !== undefined) return
    const names = this.#names()
    if (names.some(isSegment)) this.#open(names)
  }

  /** @throws KafkaError KAFKA_STORAGE_ERROR when the disk fails */
  load(): OpenLog {
    return this.#loaded ?? this.#open()
  }

  /** Syncs, writes indexes and the state of the producers, and lets go of all files: the next open reads almost nothing. */
  async close(): Promise<void> {
    const log = this.#loaded
    if (this.#closed || log === undefined) return this.abandon()
    try {
      if (this.durability.failure !== undefined) return
      await this.durability.flush()
      log.seal()
      await log.syncSealed()
    } finally {
      this.abandon()
    }
  }

  /** Lets go of all files without writing anything. */
  abandon(): void {
    this.#closed = true
    this.timers.stop()
    this.#loaded?.close()
  }

  #names(): string[] {
    const { files, directory } = this.context
    return files.readdir(directory).map(({ name }) => name)
  }

  #open(names?: readonly string[]): OpenLog {
    const { context, durability, timers } = this
    if (this.#closed) throw new MoldauError('CLOSED', `${context.name}: the log is closed`)
    const { recoveryPoint = 0, logStartOffset: startOffset = 0, clean = false, writesSurvived = false } = this.#options
    const recovered = context.guard('open', () => recoverLog(context, { recoveryPoint, startOffset, clean, writesSurvived }, names))
    this.#loaded = new OpenLog({ context, recovered, durability, timers, startOffset })
    return this.#loaded
  }

  #failed(error: MoldauError): void {
    this.context.warn(
      { error: error.message },
      'a write or a sync failed: no appends until the disk works and all that is unsynced has been written again',
    )
    this.#options.onFailure?.(error)
  }
}

function isSegment(name: string): boolean {
  return name.endsWith(LOG)
}
