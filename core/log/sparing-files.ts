import type { FileStat, Files, OpenFile, OpenMode } from '../base/files.ts'
import type { Gate } from '../base/gate.ts'

export interface SparingOptions {
  /** Closes some files that are open and not in use; false when there are none. */
  readonly free: () => boolean
  /** Syncs that may be under way. */
  readonly gate: Gate
}

/** Files of a process that may run out of descriptors: what fails for want of one is tried again after others were closed. */
export class SparingFiles implements Files {
  readonly #files: Files
  readonly #options: SparingOptions

  constructor(files: Files, options: SparingOptions) {
    this.#files = files
    this.#options = options
  }

  open(path: string, mode: OpenMode): OpenFile {
    return this.#sparing(() => this.#files.open(path, mode))
  }

  stat(path: string): FileStat | undefined {
    return this.#files.stat(path)
  }

  readFile(path: string): Buffer | undefined {
    return this.#sparing(() => this.#files.readFile(path))
  }

  writeFile(path: string, content: Buffer | string): void {
    this.#sparing(() => this.#files.writeFile(path, content))
  }

  rename(from: string, to: string): void {
    this.#files.rename(from, to)
  }

  unlink(path: string): void {
    this.#files.unlink(path)
  }

  link(existing: string, name: string): boolean {
    return this.#files.link(existing, name)
  }

  readdir(path: string): ReturnType<Files['readdir']> {
    return this.#sparing(() => this.#files.readdir(path))
  }

  mkdir(path: string): void {
    this.#files.mkdir(path)
  }

  removeDirectory(path: string): void {
    this.#sparing(() => this.#files.removeDirectory(path))
  }

  /** Descriptors are its own: those of the thread pool are few, and what fails is tried again at the next start. */
  removeInPool(path: string): Promise<void> {
    return this.#files.removeInPool(path)
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#options.gate.pass(() => this.#sparing(() => this.#files.syncDirectory(path)))
  }

  syncDirectoryNow(path: string): void {
    this.#sparing(() => this.#files.syncDirectoryNow(path))
  }

  /** For a promise: when what it does at once fails. */
  #sparing<T>(run: () => T): T {
    for (;;) {
      try {
        return run()
      } catch (error) {
        const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException
        if ((code !== 'EMFILE' && code !== 'ENFILE') || !this.#options.free()) throw error
      }
    }
  }
}
