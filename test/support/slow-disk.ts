import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { type Files, type OpenFile, nodeFiles, storageFailed } from '../../core/base/files.ts'
import { diskWork } from '../../core/base/thread-pool.ts'

/** More than threads of the pool that may wait for the disk. */
const HOLDS_MAX = 256

/**
 * The machine's disk, where the syncs of chosen paths can be told to take long or to fail. Such a sync holds a thread of the pool, as that of a
 * real disk does; one that was asked for on the event loop holds that.
 */
export class SlowDisk {
  readonly files: Files
  readonly #isSlow: (path: string) => boolean
  /** Pipes that nobody writes to: to open one holds a thread until somebody does. */
  readonly #pipes: string[]
  #holdMs: number
  #release: (() => void) | undefined
  #released: Promise<void>
  /** What a sync of a chosen path is answered. */
  errno: string | undefined

  /** @param pipes a folder of its own */
  constructor(pipes: string, isSlow: (path: string) => boolean) {
    this.#isSlow = isSlow
    this.#pipes = Array.from({ length: HOLDS_MAX }, (_, i) => join(pipes, String(i)))
    this.#holdMs = 0
    this.#released = Promise.resolve()
    this.#release = undefined
    this.errno = undefined
    fs.mkdirSync(pipes, { recursive: true })
    execFileSync('mkfifo', this.#pipes)
    this.files = {
      ...nodeFiles,
      open: (path, mode) => this.#file(nodeFiles.open(path, mode)),
      syncDirectory: (path) => this.#sync(path, () => nodeFiles.syncDirectory(path)),
      syncDirectoryNow: (path) => this.#syncNow(path, () => nodeFiles.syncDirectoryNow(path)),
    }
  }

  /** How long a sync takes; Infinity: until it is told otherwise. */
  hold(ms: number): void {
    this.#release?.()
    this.#holdMs = ms
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#released = promise
    this.#release = resolve
  }

  #file(file: OpenFile): OpenFile {
    const { path } = file
    if (!this.#isSlow(path)) return file
    return {
      path,
      size: () => file.size(),
      read: (buffer, at, length, position) => file.read(buffer, at, length, position),
      write: (chunks, position) => file.write(chunks, position),
      truncate: (size) => file.truncate(size),
      sync: () => this.#sync(path, () => file.sync()),
      close: () => file.close(),
    }
  }

  async #sync(path: string, sync: () => Promise<void>): Promise<void> {
    if (this.#isSlow(path) && this.#holdMs > 0) await diskWork(path, () => this.#holdThread())
    this.#mayFail(path)
    await sync()
  }

  #syncNow(path: string, sync: () => void): void {
    if (this.#isSlow(path) && Number.isFinite(this.#holdMs) && this.#holdMs > 0) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, this.#holdMs)
    }
    this.#mayFail(path)
    sync()
  }

  async #holdThread(): Promise<void> {
    const pipe = this.#pipes.pop()!
    const opened = fs.promises.open(pipe, 'r')
    await Promise.race([this.#released, ...(Number.isFinite(this.#holdMs) ? [new Promise((done) => setTimeout(done, this.#holdMs))] : [])])
    const writer = fs.openSync(pipe, fs.constants.O_RDWR)
    await (await opened).close()
    fs.closeSync(writer)
    this.#pipes.push(pipe)
  }

  #mayFail(path: string): void {
    const { errno } = this
    if (errno === undefined || !this.#isSlow(path)) return
    throw storageFailed('sync', path, Object.assign(new Error(`${errno}: sync ${path}`), { code: errno }))
  }
}
