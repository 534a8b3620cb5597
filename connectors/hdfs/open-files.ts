import type { DataFile } from './data-file.ts'
import type { FileEntry } from './ledger/entry.ts'

type FinalName = (first: number, last: number, n: number) => string

/** Files closed early may still be on their way to the disk; more than this many make the writer wait. */
const CLOSING_MAX = 16

/**
 * The files of one partition between two commits, by directory. At most a given number are open; the one unused longest is then closed and
 * waits for the commit, and its directory gets another file when more records come for it.
 */
export class OpenFiles {
  readonly #finalName: FinalName
  /** The one used last is last. */
  readonly #open: Map<string, DataFile>
  readonly #closed: Promise<FileEntry>[]
  #closing: number

  constructor(finalName: FinalName) {
    this.#finalName = finalName
    this.#open = new Map()
    this.#closed = []
    this.#closing = 0
  }

  get isEmpty(): boolean {
    return this.#open.size === 0 && this.#closed.length === 0
  }

  /** The open file of a directory, made by `make` when there is none. */
  get(directory: string, openMax: number, make: () => DataFile): DataFile {
    let file = this.#open.get(directory)
    if (file === undefined) {
      while (this.#open.size >= openMax) this.#closeOldest()
      file = make()
    } else {
      this.#open.delete(directory)
    }
    this.#open.set(directory, file)
    return file
  }

  /** Something to wait for before more is written; undefined: go on. */
  pressure(queuedBytesMax: number): Promise<unknown> | undefined {
    if (this.#closing > CLOSING_MAX) return Promise.all(this.#closed)
    let queued = 0
    for (const file of this.#open.values()) queued += file.queuedBytes
    return queued > queuedBytesMax ? Promise.all([...this.#open.values()].map((file) => file.written)) : undefined
  }

  /** Closes all; the entries in the order in which the files were closed. */
  async close(): Promise<FileEntry[]> {
    while (this.#open.size > 0) this.#closeOldest()
    return await Promise.all(this.#closed)
  }

  async abandon(): Promise<void> {
    const open = [...this.#open.values()]
    this.#open.clear()
    await Promise.all(open.map((file) => file.abandon()))
    await Promise.allSettled(this.#closed)
  }

  #closeOldest(): void {
    for (const [directory, file] of this.#open) {
      this.#open.delete(directory)
      this.#closing++
      const closed = file.close(this.#finalName).catch(async (error: unknown) => {
        await file.abandon()
        throw error
      })
      const done = (): void => void this.#closing--
      closed.then(done, done)
      this.#closed.push(closed)
      return
    }
  }
}
