import { dirname, join } from 'node:path'
import { type Clock, systemClock } from '../base/clock.ts'
import { MoldauError, messageOf } from '../base/errors.ts'
import { type Files, descriptorLimit, nodeFiles } from '../base/files.ts'
import { type Logger, silentLogger } from '../base/logger.ts'
import { type RandomBytes, systemRandom } from '../base/uuid.ts'
import { LogCleaner } from './cleaner/cleaner.ts'
import { type CleanerConfig, cleanerConfig } from './cleaner/config.ts'
import { OffsetCheckpoints } from './checkpoint.ts'
import { DirectoryHealth, type DirectoryState, type Patient } from './directory-health.ts'
import { type LogConfig, logConfig } from './config.ts'
import { DELETE_SUFFIX, deletedDirectoryName, partitionOfDirectory } from './file-names.ts'
import { type LogPools, OPEN_FILES_MAX, logPools } from './file-pool.ts'
import { DirectoryLock, type Processes } from './lock.ts'
import { type DirectoryMeta, directoryMeta, readTopicId, writeTopicId } from './metadata-files.ts'
import { PartitionLog } from './partition-log.ts'
import { Timers } from './timers.ts'

export interface LogManagerOptions {
  /** The broker's folder; made when missing. */
  readonly dir: string
  /** For partitions without settings of their own. */
  readonly config?: Partial<LogConfig>
  /** Settings of a topic that was there before. */
  readonly topicConfig?: (topic: string) => Partial<LogConfig>
  /** Nothing that was written is lost: the machine has run on since the last stop. Default false: all of it is checked. */
  readonly writesSurvived?: boolean
  readonly files?: Files
  readonly clock?: Clock
  readonly logger?: Logger
  readonly random?: RandomBytes
  readonly processes?: Processes
  /** Default: what the folder says, or a new one. */
  readonly clusterId?: string
  /** Default: what the folder says, or 1. */
  readonly nodeId?: number
  /** Descriptors for segments. Default: half of what the system allows, at most 4096. */
  readonly openFilesMax?: number
  /** `log.retention.check.interval.ms`. Default 5 minutes. */
  readonly retentionCheckIntervalMs?: number
  /** Settings of the cleaner, which begins with {@link LogCleaner.start}. */
  readonly cleaner?: Partial<CleanerConfig>
  /** Topics whose old records say what is still to be done in other logs. Default: none. */
  readonly governsOthers?: (topic: string) => boolean
  /** `log.flush.offset.checkpoint.interval.ms`. Default 1 minute. */
  readonly checkpointIntervalMs?: number
  /** Consumers see what is synced, nothing else. Default false. */
  readonly showsSyncedOnly?: boolean
  /** Told when records that were never synced could not be read back after a failure of the disk. */
  readonly onRecordsLost?: (lost: { topic: string; partition: number; from: number; to: number }) => void
  /** Told when the folder begins to fail and when it works again. */
  readonly onStateChange?: (state: DirectoryState) => void
}

const CLEAN_SHUTDOWN = '.kafka_cleanshutdown'
const REMEDY = 'make it a directory that this process may write to, or choose another one'
const MINUTE_MS = 60_000
/** Partitions looked at without letting anything else run. */
const PARTITIONS_PER_TURN = 64
/** Partitions that sync at a time when the broker stops. */
const CLOSING_MAX = 16

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
  readonly #pools: LogPools
  readonly #lock: DirectoryLock
  readonly #config: LogConfig
  readonly #topics: Map<string, Map<number, PartitionLog>>
  readonly #timers: Timers
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
    this.#pools = logPools(options.files ?? nodeFiles, { openFilesMax })
    this.#files = this.#pools.files.files
    this.#lock = lock
    this.#config = logConfig(options.config)
    this.#topics = new Map()
    this.#timers = new Timers(this.#clock, (error) => this.#logger.error({ dir: this.dir, error: messageOf(error) }, 'housekeeping failed'))
    this.#checkpoints = new OffsetCheckpoints(this.#files, this.dir)
    this.#notes = { name: 'checkpoints', heal: async () => this.#checkpoints.write([...this.partitions()]) }
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
      makeDurably(files, dir)
      lock = DirectoryLock.acquire(files, dir, options.processes)
      const { clusterId, nodeId } = options
      const wanted = { ...(clusterId === undefined ? {} : { clusterId }), ...(nodeId === undefined ? {} : { nodeId }) }
      const manager = new LogManager(options, lock, directoryMeta(files, dir, wanted, options.random))
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
    const directory = join(this.dir, `${topic}-${partition}`)
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
    const log = this.#log(topic, partition, { config: logConfig(config, this.#config), clean: false })
    this.#add(log)
    return log
  }

  get(topic: string, partition: number): PartitionLog | undefined {
    return this.#topics.get(topic)?.get(partition)
  }

  /** The topic's id as the partition's folder has it. */
  topicId(topic: string, partition: number): string | undefined {
    return readTopicId(this.#files, join(this.dir, `${topic}-${partition}`))
  }

  /** Writes the topic's id into a partition's folder, where it is missing or damaged. */
  identify(topic: string, partition: number, topicId: string): void {
    const directory = join(this.dir, `${topic}-${partition}`)
    try {
      writeTopicId(this.#files, directory, topicId)
      this.#logger.warn({ topic, partition }, 'partition.metadata was missing or damaged: written again')
    } catch (error) {
      this.#logger.warn({ topic, partition, error: messageOf(error) }, 'partition.metadata is missing or damaged')
    }
  }

  /** All partitions, topic by topic. */
  *partitions(): Generator<PartitionLog, void> {
    for (const logs of this.#topics.values()) yield* logs.values()
  }

  /** Takes a topic's partitions, from number `from` on, out at once; the folders go after `file.delete.delay.ms`. */
  delete(topic: string, from = 0): void {
    this.#mustBeOpen()
    const logs = this.#topics.get(topic)
    if (logs === undefined) return
    for (const log of Array.from(logs.values())) {
      if (log.partition < from) continue
      logs.delete(log.partition)
      log.abandon()
      this.#health.forget(log)
      const bytes = this.#random(Buffer.alloc(16))
      const name = deletedDirectoryName(`${topic}-${log.partition}`, bytes.toString('hex'))
      try {
        this.#files.rename(log.directory, join(this.dir, name))
        this.#removeLater(name, log.config.fileDeleteDelayMs)
      } catch (error) {
        this.#cannotDelete(log.directory, error)
      }
    }
    if (logs.size === 0) this.#topics.delete(topic)
    try {
      this.#files.syncDirectoryNow(this.dir)
    } catch (error) {
      this.#cannotDelete(this.dir, error)
    }
    // A topic of the same name must not inherit what is noted there.
    this.cleaner.forget(topic)
    this.checkpoint()
  }

  /**
   * Writes down, per partition, up to where it is synced, where it begins and its high watermark. Done every minute by itself. When the disk
   * refuses, the old notes stay (a restart reads more than it need), and are replaced when it works again. Answers whether they are written.
   */
  checkpoint(): boolean {
    try {
      this.#checkpoints.write([...this.partitions()])
      return true
    } catch (error) {
      if (!(error instanceof MoldauError)) throw error
      this.#health.failed(this.#notes, error)
      return false
    }
  }

  /** Writes down where partitions begin, if that has changed: what was deleted on demand does not come back after a crash. */
  checkpointStarts(): void {
    this.#checkpoints.writeStarts([...this.partitions()])
  }

  /** Syncs and closes all partitions and leaves the mark of a clean stop. A partition that cannot be closed well leaves none. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#timers.stop()
    try {
      await this.cleaner.stop()
      const failed = await this.#closeAll()
      this.#health.stop()
      if (this.checkpoint() && failed === 0) this.#markClean()
    } finally {
      this.#release()
    }
  }

  #markClean(): void {
    try {
      this.#files.writeFile(join(this.dir, CLEAN_SHUTDOWN), '{"version":0,"brokerEpoch":-1}')
      this.#files.syncDirectoryNow(this.dir)
    } catch (error) {
      this.#logger.error(
        { dir: this.dir, error: messageOf(error) },
        'the stop cannot be marked as a clean one: the next start checks the logs',
      )
    }
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
    if (state.state === 'failing' && this.#health.isFull) this.#timers.after(0, () => this.#retain([...this.partitions()]))
    this.#options.onStateChange?.(state)
  }

  async #start(): Promise<void> {
    const clean = this.#files.stat(join(this.dir, CLEAN_SHUTDOWN)) !== undefined
    this.#files.unlink(join(this.dir, CLEAN_SHUTDOWN))
    this.#files.syncDirectoryNow(this.dir)
    const checkpointed = this.#checkpoints.read()
    for (const { name, directory } of this.#files.readdir(this.dir)) {
      if (!directory) continue
      if (name.endsWith(DELETE_SUFFIX)) this.#removeLater(name, this.#config.fileDeleteDelayMs)
      const place = partitionOfDirectory(name)
      if (place === undefined) continue
      const { topic, partition } = place
      const { recoveryPoint, startOffset: logStartOffset } = checkpointed(topic, partition)
      this.#add(
        this.#log(topic, partition, {
          config: { ...this.#config, ...this.#options.topicConfig?.(topic) },
          clean: clean && recoveryPoint !== undefined,
          writesSurvived: this.#options.writesSurvived ?? false,
          ...(recoveryPoint === undefined ? {} : { recoveryPoint }),
          ...(logStartOffset === undefined ? {} : { logStartOffset }),
        }),
      )
    }
    if (!clean) await this.#recoverAll()
    this.#timers.every(this.#options.checkpointIntervalMs ?? MINUTE_MS, () => this.checkpoint())
    this.#timers.every(this.#options.retentionCheckIntervalMs ?? 5 * MINUTE_MS, () => this.#retain([...this.partitions()]))
  }

  #log(
    topic: string,
    partition: number,
    options: { config: Partial<LogConfig>; clean: boolean; writesSurvived?: boolean; recoveryPoint?: number; logStartOffset?: number },
  ): PartitionLog {
    const directory = join(this.dir, `${topic}-${partition}`)
    const { showsSyncedOnly = false } = this.#options
    const cleanedTo = (): number => this.cleaner.cleanedTo(topic, partition)
    const common = { pools: this.#pools, clock: this.#clock, logger: this.#logger, random: this.#random, showsSyncedOnly, cleanedTo }
    const onFailure = (error: MoldauError): void => this.#health.failed(log, error)
    const onHealedWithLoss = (): void => this.onHealedWithLoss(topic, partition)
    const onRecordsLost = (from: number, to: number): void => this.#options.onRecordsLost?.({ topic, partition, from, to })
    const log = new PartitionLog({ topic, partition, directory, ...common, ...options, onFailure, onRecordsLost, onHealedWithLoss })
    return log
  }

  #add(log: PartitionLog): void {
    const logs = this.#topics.get(log.topic)
    if (logs === undefined) this.#topics.set(log.topic, new Map([[log.partition, log]]))
    else logs.set(log.partition, log)
  }

  async #recoverAll(): Promise<void> {
    const logs = [...this.partitions()]
    if (logs.length === 0) return
    this.#logger.info({ dir: this.dir, partitions: logs.length }, 'the last stop was not a clean one: checking the logs')
    for (const log of logs) {
      try {
        if (!log.untouched) log.load()
      } catch (error) {
        // The others are served; this one answers its error to whoever asks, and is tried again then.
        this.#logger.error({ topic: log.topic, partition: log.partition, error: messageOf(error) }, 'the log cannot be opened')
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async #closeAll(): Promise<number> {
    const logs = [...this.partitions()]
    let failed = 0
    const closeNext = async (): Promise<void> => {
      for (let log = logs.pop(); log !== undefined; log = logs.pop()) {
        if (log.failure !== undefined) failed++
        try {
          await log.close()
        } catch (error) {
          failed++
          this.#logger.error({ topic: log.topic, partition: log.partition, error: messageOf(error) }, 'the log cannot be closed')
        }
      }
    }
    await Promise.all(Array.from({ length: CLOSING_MAX }, closeNext))
    return failed
  }

  #retain(logs: PartitionLog[]): void {
    for (const log of logs.splice(0, PARTITIONS_PER_TURN)) {
      try {
        if (this.get(log.topic, log.partition) === log && !log.untouched) log.applyRetention(this.#clock.now())
      } catch (error) {
        this.#logger.error({ topic: log.topic, partition: log.partition, error: messageOf(error) }, 'old segments cannot be deleted')
      }
    }
    if (logs.length > 0) this.#timers.after(0, () => this.#retain(logs))
  }

  /** The topic is gone from what is written down: what is left of it goes with the next start, or when its name is used again. */
  #cannotDelete(path: string, error: unknown): void {
    this.#logger.error({ path, error: messageOf(error) }, 'the folder of a deleted topic cannot be taken away now')
  }

  #removeLater(name: string, delayMs: number): void {
    this.#timers.after(delayMs, () => this.#files.removeInPool(join(this.dir, name)))
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new MoldauError('CLOSED', `${this.dir}: the logs are closed`)
  }
}

/** Makes the broker's folder so that it is there after a power loss, if this process may open the folder above it. */
function makeDurably(files: Files, dir: string): void {
  const isNew = files.stat(dir) === undefined
  files.mkdir(dir)
  if (!isNew) return
  try {
    files.syncDirectoryNow(dirname(dir))
  } catch {
    // A folder that is not ours may be closed to us, and most file systems write the name with what is synced in the new folder.
  }
}
