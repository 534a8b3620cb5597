import { join } from 'node:path'
import type { Clock, Timer } from '../base/clock.ts'
import { type MoldauError, messageOf } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import type { Logger } from '../base/logger.ts'

/** How a broker's folder is: `failing` from the first write or sync that the disk refused until everything it hurt is healed. */
export type DirectoryState =
  | { readonly state: 'online' }
  | {
      readonly state: 'failing'
      /** Milliseconds since 1970. */
      readonly since: number
      /** What the disk said first. */
      readonly cause: string
      /** What takes no writes until it is healed: partitions, and `checkpoints`. */
      readonly affected: readonly string[]
    }

/** Something that the disk has refused to write, and that knows how to make it good. */
export interface Patient {
  readonly name: string
  /** Called when the disk has been proved to work. Rejects when it could not be made good: tried again later. */
  heal(): Promise<void>
}

export interface DirectoryHealthOptions {
  readonly dir: string
  readonly files: Files
  readonly clock: Clock
  readonly logger: Logger
  /** Told when the state changes. */
  readonly onChange: (state: DirectoryState) => void
}

/** Between a failure and the first look whether the disk works again. */
export const PROBE_INTERVAL_MS = 1000
/** The longest pause between two looks, when the disk fails again right after it was healed. */
export const PROBE_INTERVAL_MAX_MS = 5000
/** Between two lines in the log that say that it still fails. */
const REMINDER_MS = 60_000
/** What a probe writes: room for the largest batch of the default settings, so that "works" means something on a disk that was full. */
const PROBE_BYTES = 1024 * 1024
const PROBE = '.probe'

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'make room on this disk (lower retention.ms or retention.bytes, delete topics or other files)',
  EDQUOT: 'the quota of this user is used up: raise it or make room',
  EROFS: 'the file system was mounted read-only, often after an error of the disk: see the system log, repair it, mount it writable',
  EIO: 'the disk reports errors: see the system log; replace the disk when it does not stop',
}

/**
 * The one place that knows whether a broker's folder can be written. A partition whose write or sync failed reports here and takes no more
 * appends; the others go on, since every append asks the disk itself and is acknowledged by its own sync only. From then on the disk is
 * tried by a real write, sync and removal in this folder; when that succeeds everything that failed is healed, one after the other.
 * (Kafka takes all partitions of a folder offline until the broker is started again: it has other replicas to go to. One node has not.)
 */
export class DirectoryHealth {
  readonly #options: DirectoryHealthOptions
  readonly #patients: Set<Patient>
  #since: number
  #cause: MoldauError | undefined
  #remindAt: number
  #intervalMs: number
  #healedAt: number
  #timer: Timer | undefined
  #stopped: boolean

  constructor(options: DirectoryHealthOptions) {
    this.#options = options
    this.#patients = new Set()
    this.#since = 0
    this.#cause = undefined
    this.#remindAt = 0
    this.#intervalMs = PROBE_INTERVAL_MS
    this.#healedAt = -Infinity
    this.#timer = undefined
    this.#stopped = false
  }

  get state(): DirectoryState {
    if (this.#cause === undefined) return { state: 'online' }
    return { state: 'failing', since: this.#since, cause: this.#cause.message, affected: Array.from(this.#patients, ({ name }) => name) }
  }

  /** True when the first failure was that of a disk without room. */
  get isFull(): boolean {
    const code = errnoOf(this.#cause)
    return code === 'ENOSPC' || code === 'EDQUOT'
  }

  /** The disk refused a write or a sync of `patient`. */
  failed(patient: Patient, error: MoldauError): void {
    if (this.#stopped) return
    this.#patients.add(patient)
    if (this.#cause !== undefined) return
    const { clock, dir, logger, onChange } = this.#options
    // A disk that fails right after it was healed is looked at less often: each healing writes, and each failure is a line in the log.
    const relapse = clock.monotonic() - this.#healedAt < PROBE_INTERVAL_MAX_MS
    this.#intervalMs = relapse ? Math.min(this.#intervalMs * 2, PROBE_INTERVAL_MAX_MS) : PROBE_INTERVAL_MS
    this.#since = clock.now()
    this.#cause = error
    this.#remindAt = clock.monotonic() + REMINDER_MS
    logger.error(
      { dir, partition: patient.name, error: error.message, remedy: this.#remedy },
      'the disk fails: what it refused takes no more appends (KAFKA_STORAGE_ERROR), reading goes on; it is tried again by itself',
    )
    this.#schedule()
    onChange(this.state)
  }

  /** It is gone (closed, deleted) and needs no healing. */
  forget(patient: Patient): void {
    this.#patients.delete(patient)
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  get #remedy(): string {
    return remedies[errnoOf(this.#cause) ?? ''] ?? 'see what the error says, and the system log'
  }

  #schedule(): void {
    this.#timer = this.#options.clock.after(this.#intervalMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    const { clock, dir, logger, files } = this.#options
    try {
      await probe(files, dir)
      await this.#healAll()
    } catch (error) {
      if (clock.monotonic() >= this.#remindAt && !this.#stopped) {
        this.#remindAt = clock.monotonic() + REMINDER_MS
        const affected = this.#patients.size
        logger.error({ dir, affected, error: messageOf(error), remedy: this.#remedy }, 'the disk still fails')
      }
    }
    if (this.#stopped) return
    if (this.#patients.size > 0) this.#schedule()
    else this.#recovered()
  }

  async #healAll(): Promise<void> {
    let failure: unknown
    for (const patient of Array.from(this.#patients)) {
      if (this.#stopped) return
      try {
        await patient.heal()
        this.#patients.delete(patient)
      } catch (error) {
        failure = error
      }
    }
    if (failure !== undefined) throw failure
  }

  #recovered(): void {
    const { clock, dir, logger, onChange } = this.#options
    const seconds = Math.round((clock.now() - this.#since) / 1000)
    this.#cause = undefined
    this.#healedAt = clock.monotonic()
    logger.info({ dir, seconds }, 'the disk works again: everything that failed has been written and synced, appends are taken')
    onChange(this.state)
  }
}

/** Proves that the folder can be written: a file is made, written, synced and removed. */
async function probe(files: Files, dir: string): Promise<void> {
  const path = join(dir, PROBE)
  const file = files.open(path, 'write')
  try {
    file.write([Buffer.alloc(PROBE_BYTES, 1)], 0)
    await file.sync()
  } finally {
    file.close()
    files.unlink(path)
  }
}

function errnoOf(error: MoldauError | undefined): string | undefined {
  return (error?.cause as NodeJS.ErrnoException | undefined)?.code
}
