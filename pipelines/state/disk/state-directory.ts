import { join } from 'node:path'
import { bootId } from '../../../core/base/boot-id.ts'
import { MoldauError, messageOf } from '../../../core/base/errors.ts'
import { type Files, nodeFiles, replaceFile } from '../../../core/base/files.ts'
import { DirectoryLock, type Processes } from '../../../core/base/lock.ts'
import type { Engine } from './engine.ts'
import { TaskFolder } from './folder.ts'
import { isWhole } from './whole.ts'

export interface StateDirectoryOptions {
  readonly files?: Files
  /** Default: those of the system. */
  readonly processes?: Processes
  /** Which start of the machine this is; undefined: nobody can tell. Default: {@link bootId}. */
  readonly boot?: string | undefined
}

/** Says whose directory it is. */
const LABEL = 'moldau-state'
const FORMAT = 'state of moldau pipelines, format 1\n'
/** In a task's folder from before it is opened until after it is closed; tells under which start of the machine. */
const OPEN = 'open'
const UNKNOWN_BOOT = '-'
/** Of lmdb. */
const DATA_FILES = ['data.mdb', 'lock.mdb']

/** The folders of the tasks of one process, which has the directory for itself. */
export class StateDirectory {
  readonly #engine: Engine
  readonly #path: string
  readonly #files: Files
  readonly #boot: string | undefined
  readonly #lock: DirectoryLock
  readonly #folders: Map<string, TaskFolder>

  private constructor(engine: Engine, path: string, files: Files, boot: string | undefined, lock: DirectoryLock) {
    this.#engine = engine
    this.#path = path
    this.#files = files
    this.#boot = boot
    this.#lock = lock
    this.#folders = new Map()
  }

  /** @throws DIRECTORY_UNUSABLE when another process has it, or when it holds something else */
  static async open(engine: Engine, path: string, options: StateDirectoryOptions = {}): Promise<StateDirectory> {
    const { files = nodeFiles, processes } = options
    const boot = 'boot' in options ? options.boot : bootId(files)
    files.mkdir(path)
    checkOurs(files, path)
    const lock = DirectoryLock.acquire(files, path, processes)
    try {
      await replaceFile(files, join(path, LABEL), FORMAT)
    } catch (error) {
      lock.release()
      throw error
    }
    return new StateDirectory(engine, path, files, boot, lock)
  }

  /**
   * Opens the folder of a task. It is empty when what was in it cannot be trusted: it was not closed and the machine has been down since, so that
   * pages may be lost; or its file is cut off or something else.
   *
   * @param budget bytes of memory that each of its stores may take
   * @throws STORAGE_FAILED when it cannot be opened
   */
  async folder(task: string, budget: () => number): Promise<TaskFolder> {
    if (this.#folders.has(task)) throw new Error(`moldau bug: the folder of task ${task} is open`)
    const path = join(this.#path, task)
    this.#files.mkdir(path)
    if (this.#mayBeTorn(path) || !isWhole(this.#files, join(path, 'data.mdb'))) this.#empty(path)
    await replaceFile(this.#files, join(path, OPEN), this.#boot ?? UNKNOWN_BOOT)
    const folder = this.#opened(path, budget)
    this.#folders.set(task, folder)
    return folder
  }

  /** Closes the folder of a task that is given up. */
  async give(task: string): Promise<void> {
    const folder = this.#folders.get(task)
    if (folder === undefined) return
    this.#folders.delete(task)
    await folder.close()
    this.#files.unlink(join(folder.path, OPEN))
  }

  /** Closes all folders; another process may have the directory then. */
  async close(): Promise<void> {
    try {
      for (const task of this.#folders.keys()) await this.give(task)
    } finally {
      this.#lock.release()
    }
  }

  /** A killed process loses nothing: what it wrote is in the page cache. A machine that goes down does. */
  #mayBeTorn(path: string): boolean {
    const openedUnder = this.#files.readFile(join(path, OPEN))?.toString()
    return openedUnder !== undefined && (this.#boot === undefined || openedUnder !== this.#boot)
  }

  #opened(path: string, budget: () => number): TaskFolder {
    try {
      return new TaskFolder(this.#engine, path, budget)
    } catch (cause) {
      const what = `the state in ${path} cannot be opened: ${messageOf(cause)}. Nothing is lost, it is in the changelogs: if it stays so, delete the folder`
      throw new MoldauError('STORAGE_FAILED', what, { cause })
    }
  }

  /** The mark stays until the files are gone for good: without it what is left of them would be trusted. */
  #empty(path: string): void {
    for (const file of DATA_FILES) this.#files.unlink(join(path, file))
    this.#files.syncDirectoryNow(path)
  }
}

function checkOurs(files: Files, path: string): void {
  const label = files.readFile(join(path, LABEL))?.toString()
  if (label === FORMAT) return
  if (label !== undefined)
    throw unusable(path, `its state is of another version of moldau ('${label.trim()}'); give this one another directory`)
  // A process that was killed at its first start leaves its lock and the beginning of the label.
  const foreign = files.readdir(path).find(({ name }) => !name.startsWith('.lock') && name !== `${LABEL}.tmp`)
  if (foreign !== undefined) throw unusable(path, `'${foreign.name}' in it is not of moldau's state; give it a directory of its own`)
}

function unusable(path: string, what: string): MoldauError {
  return new MoldauError('DIRECTORY_UNUSABLE', `${path}: ${what}`)
}
