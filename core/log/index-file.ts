import type { LogPools } from './file-pool.ts'

const FIRST_ENTRIES = 32

/**
 * A file of entries of one size, in order. The index of the segment being written lives in memory and is saved when the segment is
 * closed: after a crash recovery reads that segment anyway and makes its indexes anew. Those of older segments are loaded when they
 * are asked for and let go when memory is needed elsewhere.
 */
export class IndexFile {
  readonly entryBytes: number
  readonly #pools: LogPools
  #path: string
  #buffer: Buffer | undefined
  #count: number
  #dirty: boolean
  #pinned: boolean

  constructor(pools: LogPools, path: string, entryBytes: number) {
    this.entryBytes = entryBytes
    this.#pools = pools
    this.#path = path
    this.#buffer = undefined
    this.#count = 0
    this.#dirty = false
    this.#pinned = false
  }

  get path(): string {
    return this.#path
  }

  get loaded(): boolean {
    return this.#buffer !== undefined
  }

  /** Entries, after {@link IndexFile.load}. */
  get count(): number {
    return this.#count
  }

  /** All entries, after {@link IndexFile.load}; the bytes beyond the count are not part of it. */
  get buffer(): Buffer {
    if (!this.#dirty && !this.#pinned) this.#pools.indexes.use(this, this.#buffer!.length)
    return this.#buffer!
  }

  /** Reads the file. False when there is none, or its size is not that of whole entries. */
  load(): boolean {
    const content = this.#pools.files.files.readFile(this.#path)
    if (content === undefined || content.length % this.entryBytes !== 0) return false
    this.#buffer = content
    this.#count = content.length / this.entryBytes
    this.#dirty = false
    return true
  }

  /** Size of the file, or `undefined` when there is none. */
  size(): number | undefined {
    return this.#pools.files.files.stat(this.#path)?.size
  }

  /** Stands for a file that is not there: no entries, nothing to save. */
  empty(): void {
    this.#buffer = Buffer.alloc(0)
    this.#count = 0
    this.#dirty = false
  }

  /** Begins anew, empty, in memory. */
  reset(): void {
    this.#pools.indexes.forget(this)
    this.#buffer = Buffer.alloc(0)
    this.#count = 0
    this.#dirty = true
  }

  /** Makes room for one more entry; returns where to write it in {@link IndexFile.buffer}. */
  push(): number {
    const at = this.#count * this.entryBytes
    if (!this.#dirty) this.#pools.indexes.forget(this)
    this.#dirty = true
    if (at === this.#buffer!.length) {
      const larger = Buffer.alloc(Math.max(FIRST_ENTRIES, this.#count * 2) * this.entryBytes)
      larger.set(this.#buffer!)
      this.#buffer = larger
    }
    this.#count++
    return at
  }

  /** Keeps the first `count` entries. */
  truncate(count: number): void {
    if (count >= this.#count) return
    this.#pools.indexes.forget(this)
    this.#count = count
    this.#dirty = true
  }

  /** Writes what is only in memory. */
  save(): void {
    if (!this.#dirty) return
    const content = this.#buffer!.subarray(0, this.#count * this.entryBytes)
    this.#pools.files.files.writeFile(this.#path, content)
    // A copy of the right size; the larger one goes.
    this.#buffer = Buffer.from(content)
    this.#dirty = false
  }

  /** Writes the file once more, when it is there: a sync of it has failed. Its entries are checked by whoever uses them. */
  rewrite(): void {
    if (!this.loaded && !this.load()) return
    this.#pools.indexes.forget(this)
    this.#dirty = this.#dirty || this.#count > 0
    this.save()
  }

  /** Syncs the file, when there is one. */
  async sync(): Promise<void> {
    if (this.size() === undefined) return
    const file = this.#pools.files.file(this.#path)
    try {
      await file.sync()
    } finally {
      file.close()
    }
  }

  /** Stays in memory, once it is there: the segment takes appends. */
  pin(): void {
    this.#pools.indexes.forget(this)
    this.#pinned = true
  }

  /** May be let go again when memory is needed elsewhere. */
  unpin(): void {
    this.#pinned = false
  }

  unload(): void {
    if (this.#dirty) return
    this.#pools.indexes.forget(this)
    this.#buffer = undefined
  }

  rename(path: string): void {
    this.#pools.indexes.forget(this)
    if (this.size() !== undefined) this.#pools.files.files.rename(this.#path, path)
    this.#path = path
  }
}
