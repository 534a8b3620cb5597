import { AgeClock } from '../../base/age-clock.ts'
import type { Clock } from '../../base/clock.ts'
import { MoldauError, messageOf } from '../../base/errors.ts'
import type { Files } from '../../base/files.ts'
import type { Logger } from '../../base/logger.ts'
import type { RandomBytes } from '../../base/uuid.ts'
import { CheckpointFile, checkpointKey } from '../checkpoint.ts'
import { isCompacted } from '../config.ts'
import { LOG } from '../file-names.ts'
import type { PartitionLog } from '../partition-log.ts'
import { Timers } from '../timers.ts'
import { type Cleaning, cleanLog } from './clean-log.ts'
import { type Cleanable, cleanable, isDue } from './cleanable.ts'
import { CleaningAborted, SwapUnfinished } from './cleaning-stops.ts'
import { type CleanerConfig, DEDUPE_BYTES_MAX, cleanerConfig } from './config.ts'
import { Throttle } from './throttle.ts'

const CHECKPOINT = 'cleaner-offset-checkpoint'
/** Logs looked at without letting anything else run. */
const LOGS_PER_TURN = 64
/** Logs that are synced at a time before a topic that others depend on is cleaned. */
const SYNCS_MAX = 16

export interface LogCleanerOptions {
  /** The broker's folder. */
  readonly dir: string
  readonly config: CleanerConfig
  readonly files: Files
  readonly clock: Clock
  readonly logger: Logger
  readonly random: RandomBytes
  readonly logs: () => Iterable<PartitionLog>
  /** Writes down up to where the logs are synced: a crash must not look for torn writes in what was cleaned. */
  readonly checkpoint: () => Promise<unknown>
  /**
   * Whether old records of a topic say what is still to be done in other logs. It is cleaned only after all logs were made durable, and only
   * up to where it ended before that: what a newer record shows to be done is then on the disk.
   */
  readonly governsOthers?: (topic: string) => boolean
}

/** A cleaning that is over, for those who count or show. */
export interface CleanedLog extends Cleaning {
  readonly topic: string
  readonly partition: number
  readonly durationMs: number
}

/** Compacts the logs of a broker whose policy asks for it, the dirtiest first. Kafka's `LogCleaner` and `LogCleanerManager`. */
export class LogCleaner {
  readonly #options: LogCleanerOptions
  /** For what goes when it is old, and what is left alone while it is young. */
  readonly #age: AgeClock
  readonly #timers: Timers
  readonly #throttle: Throttle
  #config: CleanerConfig
  /** Ends the pause before the next round, when there is one. */
  #endPause: (() => void) | undefined
  readonly #uncleanable: Map<PartitionLog, string>
  /** Logs that nobody has opened and that have one segment. */
  readonly #untouched: WeakSet<PartitionLog>
  readonly #file: CheckpointFile
  #cleanedTo: Map<string, number> | undefined
  #running: Promise<number> | undefined
  #stopped: boolean
  /** Told of every cleaning. */
  onCleaned: (cleaned: CleanedLog) => void

  constructor(options: LogCleanerOptions) {
    this.#options = options
    this.#age = new AgeClock(options.clock)
    this.#timers = new Timers(options.clock, (error) => options.logger.error({ error: messageOf(error) }, 'the cleaner has failed'))
    this.#config = options.config
    this.#endPause = undefined
    this.#throttle = new Throttle(options.config.ioMaxBytesPerSecond, options.clock)
    this.#uncleanable = new Map()
    this.#untouched = new WeakSet()
    this.#cleanedTo = undefined
    this.#file = new CheckpointFile(options.files, options.dir, CHECKPOINT, () => this.#checkpoint())
    this.#running = undefined
    this.#stopped = false
    this.onCleaned = () => {}
  }

  /** Logs that are left alone because a batch in them is damaged, and why. */
  get uncleanable(): readonly { topic: string; partition: number; reason: string }[] {
    return Array.from(this.#uncleanable, ([{ topic, partition }, reason]) => ({ topic, partition, reason }))
  }

  /** Up to where a log was cleaned, 0 for one that never was. */
  cleanedTo(topic: string, partition: number): number {
    return this.#checkpoint().get(checkpointKey(topic, partition)) ?? 0
  }

  /** Cleans from now on, whenever there is something to do. */
  start(): void {
    this.#endPause = this.#timers.after(this.#config.backoffMs, () => {
      this.#endPause = undefined
      this.run()
        .catch((error) => this.#options.logger.error({ error: messageOf(error) }, 'the cleaner has failed'))
        .finally(() => this.start())
    })
  }

  /**
   * Changes the settings: the rate and the pause count from now on, the rest from the next round on.
   * @throws MoldauError INVALID_CONFIG, and nothing has changed
   */
  configure(settings: CleanerConfig): void {
    const before = this.#config
    this.#config = cleanerConfig(settings)
    this.#throttle.bytesPerSecond = settings.ioMaxBytesPerSecond
    if (this.#endPause === undefined || settings.backoffMs === before.backoffMs) return
    this.#endPause()
    this.start()
  }

  /** Gives up what is being cleaned; resolves when nothing is touched any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timers.stop()
    await this.#running?.catch(() => {})
    await this.#file.settled()
  }

  /** Logs are gone: those of the same names begin anew. Rejects when the disk does not take note of it: see {@link LogCleaner.note}. */
  async forget(gone: readonly PartitionLog[]): Promise<void> {
    const known = this.#checkpoint()
    let changed = false
    for (const log of gone) {
      this.#uncleanable.delete(log)
      if (known.delete(checkpointKey(log.topic, log.partition))) changed = true
    }
    if (changed) await this.note()
  }

  /** Writes down up to where logs were cleaned, if that has changed. */
  note(): Promise<void> {
    return this.#file.write()
  }

  /** Cleans what is due now. Answers how many logs were cleaned. */
  run(): Promise<number> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #run(): Promise<number> {
    for (const log of this.#uncleanable.keys()) if (log.isClosed) this.#uncleanable.delete(log)
    const due = await this.#findDue()
    if (due.length === 0 || this.#stopped) return 0
    due.sort((a, b) => b.ratio - a.ratio)
    let cleaned = 0
    // Threads share the memory: they must agree on how many they are.
    const config = this.#config
    const worker = async (): Promise<void> => {
      for (let next = due.shift(); next !== undefined && !this.#stopped; next = due.shift())
        if (await this.#clean(next.log, config)) cleaned++
    }
    await Promise.all(Array.from({ length: config.threads }, worker))
    return cleaned
  }

  async #findDue(): Promise<{ log: PartitionLog; ratio: number }[]> {
    const due: { log: PartitionLog; ratio: number }[] = []
    let looked = 0
    for (const log of this.#options.logs()) {
      if (this.#stopped) return []
      if (!isCompacted(log.config) || log.isClosed || this.#uncleanable.has(log) || this.#isUntouched(log)) continue
      try {
        const range = this.#rangeOf(log)
        if (isDue(range, log.config)) due.push({ log, ratio: range.overdue ? 2 : range.dirtyRatio })
      } catch (error) {
        this.#tell(log, error)
      }
      if (++looked % LOGS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    return due
  }

  /** A log that nobody has used since the start is not opened for a look at what cannot be cleaned. */
  #isUntouched(log: PartitionLog): boolean {
    if (log.loaded) return false
    if (this.#untouched.has(log)) return true
    const segments = this.#options.files.readdir(log.directory).filter(({ name }) => name.endsWith(LOG)).length
    if (segments > 1) return false
    this.#untouched.add(log)
    return true
  }

  #rangeOf(log: PartitionLog): Cleanable {
    const { segments } = log.load()
    const facts = Array.from(segments, (segment) => ({
      baseOffset: segment.baseOffset,
      size: segment.size,
      newest: () => (segment.maxTimestamp >= 0 ? segment.maxTimestamp : segment.created),
      oldest: () => segment.firstTimestamp,
    }))
    const range = cleanable({
      config: log.config,
      segments: facts,
      startOffset: log.logStartOffset,
      endOffset: log.logEndOffset,
      stableOffset: log.lastStableOffset,
      cleanedTo: this.#checkpoint().get(checkpointKey(log.topic, log.partition)),
      now: this.#age.now(),
    })
    return range
  }

  async #clean(log: PartitionLog, config: CleanerConfig): Promise<boolean> {
    const { clock, files, random } = this.#options
    const started = clock.monotonic()
    try {
      const range = await this.#durableRange(log)
      if (range === undefined) return false
      const result = await cleanLog({
        log,
        range,
        files,
        clock: this.#age,
        random,
        throttle: this.#throttle,
        dedupeBytes: Math.min(DEDUPE_BYTES_MAX, Math.floor(config.dedupeBufferBytes / config.threads)),
        loadFactor: config.loadFactor,
        ioBytes: Math.floor(config.ioBufferBytes / config.threads),
        stopped: () => this.#stopped,
      })
      this.#checkpoint().set(checkpointKey(log.topic, log.partition), result.cleanedTo)
      await this.note()
      const { topic, partition } = log
      const durationMs = Math.round(clock.monotonic() - started)
      const { cleanedTo, bytesBefore, bytesAfter, recordsBefore, recordsAfter } = result
      const fields = { topic, partition, bytesBefore, bytesAfter, recordsBefore, recordsAfter, cleanedTo, durationMs }
      this.#options.logger.info(fields, 'compacted')
      this.onCleaned({ ...result, topic, partition, durationMs })
      return true
    } catch (error) {
      if (!(error instanceof CleaningAborted) && !log.isClosed) this.#tell(log, error)
      return false
    }
  }

  /** What may be cleaned once it is on the disk, with all that it depends on; `undefined` when that is no longer enough. */
  async #durableRange(log: PartitionLog): Promise<Cleanable | undefined> {
    if (log.isClosed || !isCompacted(log.config)) return undefined
    const range = this.#rangeOf(log)
    if (!isDue(range, log.config)) return undefined
    if (range.reset)
      this.#options.logger.warn({ topic: log.topic, partition: log.partition }, 'the cleaner checkpoint is beyond the log: begun anew')
    if (this.#options.governsOthers?.(log.topic) === true) {
      await this.#syncAll()
      if (this.#anyFails()) return undefined
    } else if (log.flushedOffset < range.firstUncleanable) await log.flush()
    if (this.#stopped || log.isClosed) return undefined
    await this.#options.checkpoint()
    return this.#stopped || log.isClosed ? undefined : range
  }

  /** A log that takes no appends has nothing unsynced, and may lack what can only be made again from what would be cleaned away. */
  #anyFails(): boolean {
    for (const log of this.#options.logs()) if (log.failure !== undefined && !log.isClosed) return true
    return false
  }

  async #syncAll(): Promise<void> {
    const unsynced = [...this.#options.logs()].filter((log) => log.loaded && !log.isClosed && log.flushedOffset < log.logEndOffset)
    const next = async (): Promise<void> => {
      for (let log = unsynced.pop(); log !== undefined; log = unsynced.pop()) if (!log.isClosed) await log.flush()
    }
    await Promise.all(Array.from({ length: SYNCS_MAX }, next))
  }

  #tell(log: PartitionLog, error: unknown): void {
    const { topic, partition } = log
    const reason = messageOf(error)
    const isDamaged = error instanceof MoldauError && error.code === 'CORRUPT_BATCH'
    if (isDamaged || error instanceof SwapUnfinished) this.#uncleanable.set(log, reason)
    const what = isDamaged
      ? 'the log is not compacted any more: restore the damaged segment from a copy and start the broker again'
      : error instanceof SwapUnfinished
        ? 'the log is not compacted any more: the disk failed while segments changed names; the next start of the broker finishes it'
        : 'the log could not be compacted: it is tried again'
    this.#options.logger.error({ topic, partition, error: reason }, what)
  }

  #checkpoint(): Map<string, number> {
    this.#cleanedTo ??= this.#file.read((file) =>
      this.#options.logger.error({ file }, 'the cleaner checkpoint is damaged: compacted logs are cleaned from their beginning'),
    )
    return this.#cleanedTo
  }
}
