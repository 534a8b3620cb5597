import { assert } from '../base/assert.ts'
import type { LogPools, PooledFile } from './file-pool.ts'

const FIRST_ENTRIES = 32
/** Entries read at a time from a file that is only looked up in. */
const PAGE_ENTRIES = 512

/**
 * A file of entries of one size, in order. The index of the segment being written lives in memory and is saved when the segment is
 * closed: after a crash recovery reads that segment anyway and makes its indexes anew. Those of older segments are read page by page,
 * as far as look-ups go, and let go when memory is needed elsewhere: to find one batch in a terabyte takes a few pages, no whole index.
 */
export class IndexFile {
  readonly entryBytes: number
  readonly #pools: LogPools
  #path: string
  /** All entries, or the page that was looked at last. */
  #buffer: Buffer | undefined
  /** The pages read so far, of a file that is only looked up in. */
  #pages: (Buffer | undefined)[] | undefined
  #pagesBytes: number
  #file: PooledFile | undefined
  #count: number
  #dirty: boolean
  #pinned: boolean

  constructor(pools: LogPools, path: string, entryBytes: number) {
    this.entryBytes = entryBytes
    this.#pools = pools
    this.#path = path
    this.#buffer = undefined
    this.#pages = undefined
    this.#pagesBytes = 0
    this.#file = undefined
    this.#count = 0
    this.#dirty = false
    this.#pinned = false
  }

  get path(): string {
    return this.#path
  }

  /** Whether entries can be looked up: after {@link IndexFile.load} or {@link IndexFile.open}. */
  get loaded(): boolean {
    return this.#buffer !== undefined || this.#pages !== undefined
  }

  /** Whether all entries are in memory. */
  get whole(): boolean {
    return this.#pages === undefined
  }

  /** Entries, once it is loaded. */
  get count(): number {
    return this.#count
  }

  /** All entries, after {@link IndexFile.load}, else those of the last {@link IndexFile.look}; the bytes beyond the count are not part of it. */
  get buffer(): Buffer {
    if (!this.#dirty && !this.#pinned && this.whole) this.#pools.indexes.use(this, this.#buffer!.length)
    return this.#buffer!
  }

  /** Brings entry `i` into memory. Answers where it stands in {@link IndexFile.buffer}. */
  look(i: number): number {
    const pages = this.#pages
    if (pages === undefined) return i * this.entryBytes
    const page = Math.floor(i / PAGE_ENTRIES)
    this.#buffer = pages[page] ??= this.#readPage(page)
    this.#pools.indexes.use(this, this.#pagesBytes)
    return (i - page * PAGE_ENTRIES) * this.entryBytes
  }

  /**
   * Gets ready to look entries up; those of a segment that takes appends are all read. False when there is no file, or its size is not that
   * of whole entries.
   */
  open(): boolean {
    if (this.#pinned) return this.load()
    const size = this.size()
    if (size === undefined || size % this.entryBytes !== 0) return false
    this.#count = size / this.entryBytes
    this.#dirty = false
    this.#buffer = undefined
    this.#pages = []
    this.#pagesBytes = 0
    this.#file = this.#pools.files.file(this.#path)
    return true
  }

  /** Reads the whole file. False when there is none, or its size is not that of whole entries. */
  load(): boolean {
    this.#dropPages()
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
    this.#dropPages()
    this.#buffer = Buffer.alloc(0)
    this.#count = 0
    this.#dirty = true
  }

  /** Makes room for one more entry; returns where to write it in {@link IndexFile.buffer}. */
  push(): number {
    assert(this.whole, 'an index that is only read grows')
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
    assert(this.whole, 'an index that is only read is cut')
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
    if (!this.whole) this.unload()
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
    this.#dropPages()
    this.#buffer = undefined
  }

  rename(path: string): void {
    if (!this.whole) this.unload()
    this.#pools.indexes.forget(this)
    if (this.size() !== undefined) this.#pools.files.files.rename(this.#path, path)
    this.#path = path
  }

  #readPage(page: number): Buffer {
    const first = page * PAGE_ENTRIES
    const buffer = Buffer.alloc(Math.min(PAGE_ENTRIES, this.#count - first) * this.entryBytes)
    this.#file!.file.read(buffer, 0, buffer.length, first * this.entryBytes)
    this.#pagesBytes += buffer.length
    return buffer
  }

  #dropPages(): void {
    this.#file?.close()
    this.#file = undefined
    this.#pages = undefined
    this.#pagesBytes = 0
  }
}
