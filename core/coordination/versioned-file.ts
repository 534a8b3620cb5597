import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

import { MoldauError, messageOf } from '../base/errors.ts'

interface Stored<T> {
  /** Format of the file. */
  format: 1
  /** Counts the changes; a put names the one it is based on. */
  version: number
  value: T
}

/**
 * One JSON value in one file, replaced as a whole: written beside, synced, renamed, and the directory synced, so that after a
 * crash either the old or the new value is there. Puts are versioned, as they are in ZooKeeper.
 */
export class VersionedFile<T> {
  readonly #path: string
  #version: number
  #value: T

  /** @throws MoldauError DIRECTORY_UNUSABLE when the file cannot be read or is not ours. */
  constructor(path: string, initial: T) {
    this.#path = path
    const stored = read<T>(path)
    this.#version = stored?.version ?? 0
    this.#value = stored?.value ?? initial
  }

  get value(): T {
    return this.#value
  }

  get version(): number {
    return this.#version
  }

  /**
   * Replaces the value, durably.
   * @throws MoldauError STORAGE_FAILED when the disk refuses: the old value stays.
   */
  put(value: T, expectedVersion: number): void {
    if (expectedVersion !== this.#version) {
      throw new MoldauError('INVALID_ARGUMENT', `${this.#path} is at version ${this.#version}, not ${expectedVersion}: read it again`, { retriable: true })
    }
    const stored: Stored<T> = { format: 1, version: expectedVersion + 1, value }
    try {
      replace(this.#path, `${JSON.stringify(stored)}\n`)
    } catch (error) {
      throw new MoldauError('STORAGE_FAILED', `cannot write ${this.#path} (${messageOf(error)}): make room, or make it writable`, { cause: error })
    }
    this.#version = stored.version
    this.#value = value
  }
}

function read<T>(path: string): Stored<T> | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new MoldauError('DIRECTORY_UNUSABLE', `cannot read ${path}: ${messageOf(error)}`, { cause: error })
  }
  try {
    const stored = JSON.parse(text) as Stored<T>
    if (stored.format === 1) return stored
  } catch {
    // Falls through: it is not what we wrote.
  }
  throw new MoldauError('DIRECTORY_UNUSABLE', `${path} is not a metadata file of this version of moldau: choose another directory, or restore the file`)
}

function replace(path: string, text: string): void {
  const directory = dirname(path)
  mkdirSync(directory, { recursive: true })
  const temporary = `${path}.tmp`
  const file = openSync(temporary, 'w')
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
  const entry = openSync(directory, 'r')
  try {
    fsyncSync(entry)
  } finally {
    closeSync(entry)
  }
}
