import { AgeClock } from '../base/age-clock.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { MoldauError, messageOf } from '../base/errors.ts'
import { type Files, descriptorLimit, nodeFiles } from '../base/files.ts'
import { type Logger, silentLogger } from '../base/logger.ts'
import { type RandomBytes, systemRandom } from '../base/uuid.ts'
import { LogCleaner } from './cleaner/cleaner.ts'
import { cleanerConfig } from './cleaner/config.ts'
import { markCleanShutdown, takeCleanShutdown } from './clean-shutdown.ts'
import { type LogConfig, logConfig } from './config.ts'
import { DeletedFolders } from './deleted-folders.ts'
import { DirectoryHealth, type DirectoryState, type Patient } from './directory-health.ts'
import { OPEN_FILES_MAX, logPools } from './file-pool.ts'
import { findLogs } from './find-logs.ts'
import { DirectoryLock } from '../base/lock.ts'
import { LogMaker } from './log-maker.ts'
import type { LogManagerOptions } from './log-manager-types.ts'
import { makeDurably } from './make-durably.ts'
import { type DirectoryMeta, directoryMeta, readTopicId, writeTopicId } from './metadata-files.ts'
import { OffsetCheckpoints } from './offset-checkpoints.ts'
import type { PartitionLog } from './partition-log.ts'
import { RetentionRounds } from './retention-rounds.ts'
import { closeAll, recoverAll } from './start-and-stop.ts'
import { Timers } from './timers.ts'
import { TopicLogs } from './topic-logs.ts'

export type { LogManagerOptions } from './log-manager-types.ts'

const REMEDY = 'make it a directory that this process may write to, or choose another one'
const MINUTE_MS = 60_000

/** All partitions in a broker's folder. Kafka's `LogManager`. */
export class LogManager {
  readonly dir: string
  readonly meta: DirectoryMeta
  /** Does nothing until it is started. */
  readonly cleaner: LogCleaner
  /** Told when a partition that has lost records takes appends again; whoever wrote them sets it. */
  onHealedWithLoss: (topic: string, partition: number) => void
  readonly #options: LogManagerOptions
  readonly #files: Files
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #random: RandomBytes
  readonly #lock: DirectoryLock
  readonly #config: LogConfig
  readonly #logs: TopicLogs
  readonly #maker: LogMaker
  readonly #timers: Timers
  readonly #retention: RetentionRounds
  readonly #deleted: DeletedFolders
  readonly #checkpoints: OffsetCheckpoints
  readonly #health: DirectoryHealth
  /** The checkpoint files, as something that the disk may refuse. */
  readonly #notes: Patient
  #closed: boolean

  private constructor(options: LogManagerOptions, lock: DirectoryLock, meta: DirectoryMeta) {
    this.dir = options.dir
    this.meta = meta
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#logger = options.logger ?? silentLogger
    this.#random = options.random ?? systemRandom
    const openFilesMax = options.openFilesMax ?? Math.min(OPEN_FILES_MAX, Math.floor(descriptorLimit() / 2))
    const pools = logPools(options.files ?? nodeFiles, { openFilesMax })
    this.#files = pools.files.files
    this.#lock = lock
    this.#config = logConfig(options.config)
    this.#logs = new TopicLogs()
    this.#timers = new Timers(this.#clock, (error) => this.#logger.error({ dir: this.dir, error: messageOf(error) }, 'housekeeping failed'))
    const age = new AgeClock(this.#clock)
    const { onRecordsLost, showsSyncedOnly = false } = options
    this.#maker = new LogMaker({
      dir: this.dir,
      pools,
      clock: this.#clock,
      age,
      logger: this.#logger,
      random: this.#random,
      showsSyncedOnly,
      cleanedTo: (topic, partition) => this.cleaner.cleanedTo(topic, partition),
      onFailure: (log, error) => this.#health.failed(log, error),
      onHealedWithLoss: (topic, partition) => this.onHealedWithLoss(topic, partition),
      onRecordsLost,
    })
    this.#retention = new RetentionRounds({ logs: () => this.#logs, age, timers: this.#timers, logger: this.#logger })
    this.#deleted = new DeletedFolders({
      dir: this.dir,
      files: this.#files,
      logger: this.#logger,
      random: this.#random,
      timers: this.#timers,
    })
    this.#checkpoints = new OffsetCheckpoints(this.#files, this.dir, this.#logs)
    this.#notes = { name: 'checkpoints', heal: async () => void (await Promise.all([this.#checkpoints.write(), this.cleaner.note()])) }
    this.#health = new DirectoryHealth({
      dir: this.dir,
      files: this.#files,
      clock: this.#clock,
      logger: this.#logger,
      onChange: (state) => this.#stateChanged(state),
    })
    this.#closed = false
    this.onHealedWithLoss = () => {}
    this.cleaner = new LogCleaner({
      dir: this.dir,
      config: cleanerConfig(options.cleaner),
      files: this.#files,
      clock: this.#clock,
      logger: this.#logger,
      random: this.#random,
      logs: () => this.partitions(),
      checkpoint: () => this.checkpoint(),
      ...(options.governsOthers !== undefined && { governsOthers: options.governsOthers }),
    })
  }

  /**
   * Takes the folder and finds its partitions. After a clean stop none of them is opened before it is used; otherwise all are recovered
   * before this resolves.
   *
   * @throws DIRECTORY_UNUSABLE when another process has the folder, it belongs to another broker, or cannot be written
   */
  static async open(options: LogManagerOptions): Promise<LogManager> {
    const files = options.files ?? nodeFiles
    const { dir } = options
    let lock: DirectoryLock | undefined
    try {
      await makeDurably(files, dir)
      lock = DirectoryLock.acquire(files, dir, options.processes)
      const { clusterId, nodeId } = options
      const wanted = { ...(clusterId === undefined ? {} : { clusterId }), ...(nodeId === undefined ? {} : { nodeId }) }
      const manager = new LogManager(options, lock, await directoryMeta(files, dir, wanted, options.random))
      await manager.#start()
      return manager
    } catch (error) {
      lock?.release()
      if (!(error instanceof MoldauError) || error.code !== 'STORAGE_FAILED') throw error
      throw new MoldauError('DIRECTORY_UNUSABLE', `${dir} cannot be used: ${error.message}; ${REMEDY}`, { cause: error })
    }
  }

  /** Whether the folder takes writes. */
  get directory(): DirectoryState {
    return this.#health.state
  }

  /** Makes a partition, or answers the one that is there. */
  create(topic: string, partition: number, topicId: string, config: Partial<LogConfig> = {}): PartitionLog {
    const known = this.get(topic, partition)
    if (known !== undefined) return known
    this.#mustBeOpen()
    const directory = this.#maker.directoryOf(topic, partition)
    try {
      // What stands there belonged to a topic of this name whose folder could not be taken away.
      this.#files.removeDirectory(directory)
      this.#files.mkdir(directory)
      writeTopicId(this.#files, directory, topicId)
    } catch (error) {
      // Nothing half-made: what cannot be removed either is found and removed by the next start, since no topic names it.
      this.#files.removeDirectory(directory)
      throw error
    }
    const log = this.#maker.make(topic, partition, { config: logConfig(config, this.#config), clean: false })
    this.#logs.add(log)
    return log
  }

  get(topic: string, partition: number): PartitionLog | undefined {
    return this.#logs.get(topic, partition)
  }

  /** The topic's id as the partition's folder has it. */
  topicId(topic: string, partition: number): string | undefined {
    return readTopicId(this.#files, this.#maker.directoryOf(topic, partition))
  }

  /** Writes the topic's id into a partition's folder, where it is missing or damaged. */
  identify(topic: string, partition: number, topicId: string): void {
    const directory = this.#maker.directoryOf(topic, partition)
    try {
      writeTopicId(this.#files, directory, topicId)
      this.#logger.warn({ topic, partition }, 'partition.metadata was missing or damaged: written again')
    } catch (error) {
      this.#logger.warn({ topic, partition, error: messageOf(error) }, 'partition.metadata is missing or damaged')
    }
  }

  /** All partitions, topic by topic. */
  partitions(): Iterable<PartitionLog> {
    return this.#logs
  }

  /** How many there are. */
  get partitionCount(): number {
    return this.#logs.size
  }

  /**
   * Takes a topic's partitions, from number `from` on, out at once; the folders go after `file.delete.delay.ms`. Resolves when nothing of them is left
   * that one of the same name could inherit, not even after a power loss, or when the disk has refused that: then it is tried again.
   */
  async delete(topic: string, from = 0): Promise<void> {
    this.#mustBeOpen()
    const gone = this.#logs.take(topic, from)
    if (gone.length === 0) return
    for (const log of gone) {
      log.abandon()
      this.#health.forget(log)
    }
    const forgotten = this.cleaner.forget(gone).catch((error: unknown) => this.#cannotCheckpoint(error))
    await Promise.all([this.#deleted.discard(gone), forgotten, this.checkpoint()])
  }

  /**
   * Writes down, per partition, up to where it is synced, where it begins and its high watermark. Done every minute by itself. When the disk
   * refuses, the old notes stay (a restart reads more than it need), and are replaced when it works again. Answers whether they are written.
   */
  async checkpoint(): Promise<boolean> {
    try {
      await this.#checkpoints.write()
      return true
    } catch (error) {
      this.#cannotCheckpoint(error)
      return false
    }
  }

  /** Writes down where partitions begin, if that has changed: what was deleted on demand does not come back after a crash. */
  async checkpointStarts(): Promise<void> {
    this.#mustBeOpen()
    await this.#checkpoints.writeStarts()
  }

  /** Syncs and closes all partitions and leaves the mark of a clean stop. A partition that cannot be closed well leaves none. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#timers.stop()
    try {
      await this.cleaner.stop()
      const failed = await closeAll([...this.#logs], this.#logger)
      this.#health.stop()
      if ((await this.checkpoint()) && failed === 0) await markCleanShutdown(this.#files, this.dir, this.#logger)
    } finally {
      this.#release()
    }
  }

  #cannotCheckpoint(error: unknown): void {
    if (!(error instanceof MoldauError)) throw error
    this.#health.failed(this.#notes, error)
  }

  #release(): void {
    try {
      this.#lock.release()
    } catch (error) {
      this.#logger.error(
        { dir: this.dir, error: messageOf(error) },
        'the lock of the folder stays: the next start sees that its holder is gone',
      )
    }
  }

  #stateChanged(state: DirectoryState): void {
    // What is due may make the room that is missing.
    if (state.state === 'failing' && this.#health.isFull) this.#retention.soon()
    this.#options.onStateChange?.(state)
  }

  async #start(): Promise<void> {
    const clean = await takeCleanShutdown(this.#files, this.dir)
    const checkpointed = this.#checkpoints.read((file, means) => this.#logger.error({ file }, `a checkpoint is damaged: ${means}`))
    const { logs, doomed } = findLogs({
      files: this.#files,
      dir: this.dir,
      maker: this.#maker,
      configOf: (topic) => logConfig(this.#options.topicConfig?.(topic), this.#config),
      checkpointed,
      clean,
      writesSurvived: this.#options.writesSurvived ?? false,
    })
    for (const log of logs) this.#logs.add(log)
    for (const name of doomed) this.#deleted.removeLater(name, this.#config.fileDeleteDelayMs)
    if (!clean && logs.length > 0) {
      this.#logger.info({ dir: this.dir, partitions: logs.length }, 'the last stop was not a clean one: checking the logs')
      await recoverAll(logs, this.#logger)
    }
    this.#timers.every(this.#options.checkpointIntervalMs ?? MINUTE_MS, async () => void (await this.checkpoint()))
    this.#retention.every(this.#options.retentionCheckIntervalMs ?? 5 * MINUTE_MS)
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new MoldauError('CLOSED', `${this.dir}: the logs are closed`)
  }
}
