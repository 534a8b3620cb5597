import type { Files, OpenFile } from '../base/files.ts'
import { Gate } from '../base/gate.ts'
import { Lru } from './lru.ts'
import { SparingFiles } from './sparing-files.ts'

/** What all logs of one process share: descriptors and the memory of indexes that are only read. */
export interface LogPools {
  readonly files: FilePool
  readonly indexes: Lru<{ unload(): void }>
}

/** Memory for the indexes of closed segments, unless said otherwise. */
const INDEX_BYTES_MAX = 64 * 1024 * 1024
/** Open segment files, unless said otherwise. */
export const OPEN_FILES_MAX = 4096
/** Syncs under way: each holds a descriptor that nobody can take away. The thread pool does fewer at a time anyway. */
const SYNCS_MAX = 32

export function logPools(files: Files, limits: { openFilesMax?: number; indexBytesMax?: number } = {}): LogPools {
  return {
    files: new FilePool(files, limits.openFilesMax ?? OPEN_FILES_MAX),
    indexes: new Lru(limits.indexBytesMax ?? INDEX_BYTES_MAX, (index) => index.unload()),
  }
}

/**
 * Files that are opened when they are used and closed when others need the descriptor: 10,000 partitions start with none. A file that
 * is being synced in the thread pool is pinned.
 */
export class FilePool {
  /** When the system has no descriptor left, others are closed for what is opened here. */
  readonly files: Files
  readonly syncs: Gate
  readonly #lru: Lru<PooledFile>

  constructor(files: Files, openFilesMax: number) {
    this.syncs = new Gate(SYNCS_MAX)
    this.files = new SparingFiles(files, { free: () => this.#free(), gate: this.syncs })
    this.#lru = new Lru(openFilesMax, (file) => file.close())
  }

  /** Descriptors held now (pinned ones not counted). */
  get open(): number {
    return this.#lru.size
  }

  file(path: string): PooledFile {
    return new PooledFile(this, path)
  }

  used(file: PooledFile): void {
    this.#lru.use(file, 1)
  }

  forget(file: PooledFile): void {
    this.#lru.forget(file)
  }

  #free(): boolean {
    if (this.#lru.size === 0) return false
    this.#lru.halve()
    return true
  }
}

/** One path with a descriptor when it is needed. */
export class PooledFile {
  readonly #pool: FilePool
  #path: string
  #open: OpenFile | undefined
  #pins: number

  constructor(pool: FilePool, path: string) {
    this.#pool = pool
    this.#path = path
    this.#open = undefined
    this.#pins = 0
  }

  get path(): string {
    return this.#path
  }

  /** The open file: use it at once, keep it nowhere. */
  get file(): OpenFile {
    this.#open ??= this.#pool.files.open(this.#path, 'write')
    if (this.#pins === 0) this.#pool.used(this)
    return this.#open
  }

  /** Syncs in the thread pool, holding the descriptor meanwhile. */
  sync(): Promise<void> {
    return this.#pool.syncs.pass(() => this.#sync())
  }

  async #sync(): Promise<void> {
    // It may have been removed while others were synced.
    if (this.#open === undefined && this.#pool.files.stat(this.#path) === undefined) return
    const { file } = this
    this.#pool.forget(this)
    this.#pins++
    try {
      await file.sync()
    } finally {
      this.#pins--
      if (this.#pins === 0) {
        if (this.#open !== file) file.close()
        if (this.#open !== undefined) this.#pool.used(this)
      }
    }
  }

  /** Gives the file another name; an open descriptor goes on. */
  rename(path: string): void {
    this.#pool.files.rename(this.#path, path)
    this.#path = path
  }

  close(): void {
    const file = this.#open
    this.#open = undefined
    this.#pool.forget(this)
    // Closing a descriptor under a sync would let the number be reused: the last sync closes it.
    if (this.#pins === 0) file?.close()
  }
}
