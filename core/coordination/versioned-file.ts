import { crc32c } from '../base/crc32c.ts'
import { MoldauError, messageOf } from '../base/errors.ts'
import { nodeFiles, replaceFile } from '../base/files.ts'
import type { Files } from '../base/files.ts'

interface Stored<T> {
  /** Format of the file. */
  format: 1
  /** Counts the changes; a put names the one it is based on. */
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

/** Put after the name of the second copy. */
const BACKUP = '.backup'

/**
 * One JSON value in one file, replaced as a whole and durably: after a crash either the old or the new value is there.
 * Puts are versioned, as they are in ZooKeeper. A second copy stands in when the disk has damaged the first.
 */
export class VersionedFile<T> {
  readonly #path: string
  readonly #files: Files
  /** Why the value is that of the second copy, which may be one change behind. */
  readonly damage: string | undefined
  readonly #mode: 'write' | 'secret'
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
    this.#version = stored?.version ?? 0
    this.#value = stored?.value ?? initial
  }

  get value(): T {
    return this.#value
  }

  /** 0 before the first put. */
  get version(): number {
    return this.#version
  }

  /**
   * Replaces the value, durably.
   * @throws MoldauError STORAGE_FAILED when the disk refuses: the old value stays
   */
  put(value: T, expectedVersion: number): void {
    if (expectedVersion !== this.#version) {
      throw new MoldauError('INVALID_ARGUMENT', `${this.#path} is at version ${this.#version}, not ${expectedVersion}: read it again`, {
        retriable: true,
      })
    }
    const version = expectedVersion + 1
    const stored: Stored<T> = { format: 1, version, value, crc: checksum(version, value) }
    const text = `${JSON.stringify(stored)}\n`
    try {
      replaceFile(this.#files, this.#path, text, this.#mode)
    } catch (error) {
      throw new MoldauError('STORAGE_FAILED', `cannot write ${this.#path} (${messageOf(error)}): make room, or make it writable`, {
        cause: error,
      })
    }
    this.#version = version
    this.#value = value
    try {
      replaceFile(this.#files, this.#path + BACKUP, text, this.#mode)
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
