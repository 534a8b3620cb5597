import { crc32c } from '../base/crc32c.ts'
import { MoldauError, messageOf } from '../base/errors.ts'
import { nodeFiles, replaceFile } from '../base/files.ts'
import type { Files } from '../base/files.ts'
import { Gate } from '../base/gate.ts'

interface Stored<T> {
  /** Format of the file. */
  format: 1
  /** Counts the writes. */
  version: number
  value: T
  /** CRC-32C of version and value: a flipped bit may leave good JSON behind. Files of before have none. */
  crc?: number
}

export interface VersionedFileOptions {
  /** Default: the machine's disk. */
  files?: Files | undefined
  /** `secret` for a file that nobody else on the machine may read. */
  mode?: 'write' | 'secret'
  /** What happens when the file is moved away: put after `to` where a damaged one is reported. */
  without: string
}

/** A change that waits for the disk. */
interface Asked<T> {
  readonly make: (value: T) => T
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Put after the name of the second copy. */
const BACKUP = '.backup'

/**
 * One JSON value in one file, replaced as a whole and durably: after a crash either the old or the new value is there. The disk may take its time:
 * nothing is held up but those who wait for their changes. A second copy stands in when the disk has damaged the first.
 */
export class VersionedFile<T> {
  readonly #path: string
  readonly #files: Files
  /** Why the value is that of the second copy, which may be one change behind. */
  readonly damage: string | undefined
  readonly #mode: 'write' | 'secret'
  /** One write at a time. */
  readonly #gate: Gate
  /** As many as there are requests under way. */
  readonly #asked: Asked<T>[]
  #version: number
  #value: T

  /** @throws MoldauError DIRECTORY_UNUSABLE when the file cannot be read or is not ours */
  constructor(path: string, initial: T, options: VersionedFileOptions) {
    const { files = nodeFiles, mode = 'write', without } = options
    this.#path = path
    this.#files = files
    const { stored, damage } = readEither<T>(files, path, without)
    this.damage = damage
    this.#mode = mode
    this.#gate = new Gate(1)
    this.#asked = []
    this.#version = stored?.version ?? 0
    this.#value = stored?.value ?? initial
  }

  get value(): T {
    return this.#value
  }

  /** 0 before the first change. */
  get version(): number {
    return this.#version
  }

  /**
   * Makes a change of the value and resolves when it is durable. `make` is given the value of the moment in which it is written, with all that was
   * asked for earlier in it. What is asked for while the disk writes is written together.
   *
   * @throws what `make` throws; MoldauError STORAGE_FAILED when the disk refuses: the old value stays
   */
  change(make: (value: T) => T): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#asked.push({ make, resolve, reject })
    void this.#gate.pass(() => this.#write())
    return promise
  }

  /** Resolves when nothing is being written any more. */
  settled(): Promise<void> {
    return this.#gate.pass(() => {})
  }

  /** Writes what has been asked for so far, if nobody has done so. */
  async #write(): Promise<void> {
    // What one request asks for is asked for in one turn.
    await Promise.resolve()
    const asked = this.#asked.splice(0)
    let value = this.#value
    const made = asked.filter(({ make, reject }) => {
      try {
        value = make(value)
        return true
      } catch (error) {
        reject(error)
        return false
      }
    })
    if (value === this.#value) {
      for (const { resolve } of made) resolve()
      return
    }
    const version = this.#version + 1
    const stored: Stored<T> = { format: 1, version, value, crc: checksum(version, value) }
    const text = `${JSON.stringify(stored)}\n`
    try {
      await replaceFile(this.#files, this.#path, text, this.#mode)
    } catch (cause) {
      const error = new MoldauError('STORAGE_FAILED', `cannot write ${this.#path} (${messageOf(cause)}): make room, or make it writable`, {
        cause,
      })
      for (const { reject } of made) reject(error)
      return
    }
    this.#version = version
    this.#value = value
    for (const { resolve } of made) resolve()
    try {
      await replaceFile(this.#files, this.#path + BACKUP, text, this.#mode)
    } catch {
      // One copy is enough as long as nothing happens to it; the next change writes both again.
    }
  }
}

function checksum(version: number, value: unknown): number {
  const bytes = Buffer.from(JSON.stringify([version, value]))
  return crc32c(bytes, 0, bytes.length)
}

function readEither<T>(files: Files, path: string, without: string): { stored: Stored<T> | undefined; damage: string | undefined } {
  try {
    return { stored: read<T>(files, path, without), damage: undefined }
  } catch (error) {
    if (!(error instanceof MoldauError)) throw error
    let backup: Stored<T> | undefined
    try {
      backup = read<T>(files, path + BACKUP, without)
    } catch {
      // The first error says what to do.
    }
    if (backup === undefined) throw error
    return { stored: backup, damage: error.message }
  }
}

function read<T>(files: Files, path: string, without: string): Stored<T> | undefined {
  let text: string | undefined
  try {
    text = files.readFile(path)?.toString('utf8')
  } catch (error) {
    throw new MoldauError('DIRECTORY_UNUSABLE', `cannot read ${path}: ${messageOf(error)}`, { cause: error })
  }
  if (text === undefined) return undefined
  try {
    const stored = JSON.parse(text) as Stored<T>
    if (stored.format === 1 && (stored.crc === undefined || stored.crc === checksum(stored.version, stored.value))) return stored
  } catch {
    // Falls through: it is not what we wrote.
  }
  throw new MoldauError(
    'DIRECTORY_UNUSABLE',
    `${path} is damaged, or not a metadata file of this version of moldau, and ${BACKUP} is no help: restore the file from a copy, or move it away to ${without}`,
  )
}
