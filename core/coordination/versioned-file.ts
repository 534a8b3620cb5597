import { MoldauError, messageOf } from '../base/errors.ts'
import { nodeFiles, replaceFile } from '../base/files.ts'
import type { Files } from '../base/files.ts'

interface Stored<T> {
  /** Format of the file. */
  format: 1
  /** Counts the changes; a put names the one it is based on. */
  version: number
  value: T
}

/**
 * One JSON value in one file, replaced as a whole and durably: after a crash either the old or the new value is there.
 * Puts are versioned, as they are in ZooKeeper.
 */
export class VersionedFile<T> {
  readonly #path: string
  readonly #files: Files
  readonly #mode: 'write' | 'secret'
  #version: number
  #value: T

  /**
   * @param mode 'secret' for a file that nobody else on the machine may read
   * @throws MoldauError DIRECTORY_UNUSABLE when the file cannot be read or is not ours
   */
  constructor(path: string, initial: T, files: Files = nodeFiles, mode: 'write' | 'secret' = 'write') {
    this.#path = path
    this.#files = files
    this.#mode = mode
    const stored = read<T>(files, path)
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
    const stored: Stored<T> = { format: 1, version: expectedVersion + 1, value }
    try {
      replaceFile(this.#files, this.#path, `${JSON.stringify(stored)}\n`, this.#mode)
    } catch (error) {
      throw new MoldauError('STORAGE_FAILED', `cannot write ${this.#path} (${messageOf(error)}): make room, or make it writable`, {
        cause: error,
      })
    }
    this.#version = stored.version
    this.#value = value
  }
}

function read<T>(files: Files, path: string): Stored<T> | undefined {
  let text: string | undefined
  try {
    text = files.readFile(path)?.toString('utf8')
  } catch (error) {
    throw new MoldauError('DIRECTORY_UNUSABLE', `cannot read ${path}: ${messageOf(error)}`, { cause: error })
  }
  if (text === undefined) return undefined
  try {
    const stored = JSON.parse(text) as Stored<T>
    if (stored.format === 1) return stored
  } catch {
    // Falls through: it is not what we wrote.
  }
  throw new MoldauError(
    'DIRECTORY_UNUSABLE',
    `${path} is not a metadata file of this version of moldau: choose another directory, or restore the file`,
  )
}
