import { basename, dirname } from 'node:path'
import type { FileStat, Files, OpenFile, OpenMode } from '../../core/base/files.ts'
import { offsetInName, segmentPath } from '../../core/log/file-names.ts'
import { lastOffsetDelta, sealBatch, setBaseOffset } from '../../core/record/batch.ts'
import { FaultyFiles } from './faulty-files.ts'

export interface SparseLog {
  readonly directory: string
  readonly segments: number
  readonly batchesPerSegment: number
  /** All batches are this one, each with its offset and a time of its own: batch `n` is `n` seconds after 1970. */
  readonly batch: Buffer
}

const SECOND_MS = 1000

/**
 * A log of any size that takes no room: its segments and indexes are made up as they are read. Everything else is a disk in memory. Counts
 * what is read.
 */
export class SparseFiles implements Files {
  readonly #rest: FaultyFiles
  readonly #log: SparseLog
  readonly #recordsPerBatch: number
  /** Calls that read a segment's log, and the bytes they brought. */
  logReads: number
  logBytes: number
  /** The same for indexes. */
  indexReads: number
  indexBytes: number

  constructor(log: SparseLog) {
    this.#log = log
    this.#recordsPerBatch = lastOffsetDelta(log.batch, 0) + 1
    this.#rest = new FaultyFiles()
    this.#rest.mkdir(log.directory)
    this.logReads = 0
    this.logBytes = 0
    this.indexReads = 0
    this.indexBytes = 0
  }

  get endOffset(): number {
    return this.#log.segments * this.#offsetsPerSegment
  }

  get bytes(): number {
    return this.#log.segments * this.#segmentBytes
  }

  get #offsetsPerSegment(): number {
    return this.#log.batchesPerSegment * this.#recordsPerBatch
  }

  get #segmentBytes(): number {
    return this.#log.batchesPerSegment * this.#log.batch.length
  }

  open(path: string, mode: OpenMode): OpenFile {
    const size = this.#sizeOf(path)
    if (size === undefined) return this.#rest.open(path, mode)
    const refuse = (): never => {
      throw new Error(`${path} is only read`)
    }
    return {
      path,
      size: () => size,
      read: (buffer, at, length, position) => this.#read(path, buffer.subarray(at, at + length), position),
      write: refuse,
      truncate: refuse,
      sync: () => Promise.resolve(),
      close: () => {},
    }
  }

  stat(path: string): FileStat | undefined {
    const size = this.#sizeOf(path)
    return size === undefined ? this.#rest.stat(path) : { size, modified: 0 }
  }

  readFile(path: string): Buffer | undefined {
    const size = this.#sizeOf(path)
    if (size === undefined) return this.#rest.readFile(path)
    const content = Buffer.alloc(size)
    this.#read(path, content, 0)
    return content
  }

  readdir(path: string): { name: string; directory: boolean }[] {
    const entries = this.#rest.readdir(path)
    if (path !== this.#log.directory) return entries
    for (let i = 0; i < this.#log.segments; i++) {
      for (const suffix of ['.log', '.index', '.timeindex']) {
        entries.push({ name: basename(segmentPath(path, i * this.#offsetsPerSegment, suffix)), directory: false })
      }
    }
    return entries
  }

  writeFile(path: string, content: Buffer | string): void {
    this.#rest.writeFile(path, content)
  }
  rename(from: string, to: string): void {
    this.#rest.rename(from, to)
  }
  unlink(path: string): void {
    this.#rest.unlink(path)
  }
  link(existing: string, name: string): boolean {
    return this.#rest.link(existing, name)
  }
  mkdir(path: string): void {
    this.#rest.mkdir(path)
  }
  removeDirectory(path: string): void {
    this.#rest.removeDirectory(path)
  }
  removeInPool(path: string): Promise<void> {
    return this.#rest.removeInPool(path)
  }
  syncDirectory(path: string): Promise<void> {
    return this.#rest.syncDirectory(path)
  }
  syncDirectoryNow(path: string): void {
    this.#rest.syncDirectoryNow(path)
  }

  #baseOf(path: string, suffix: string): number | undefined {
    const base = dirname(path) === this.#log.directory ? offsetInName(basename(path), suffix) : undefined
    return base !== undefined && base < this.endOffset && base % this.#offsetsPerSegment === 0 ? base : undefined
  }

  #sizeOf(path: string): number | undefined {
    const { batchesPerSegment } = this.#log
    if (this.#baseOf(path, '.log') !== undefined) return this.#segmentBytes
    // Batches are larger than the index interval: each has an entry but the first one.
    if (this.#baseOf(path, '.index') !== undefined) return (batchesPerSegment - 1) * 8
    if (this.#baseOf(path, '.timeindex') !== undefined) return (batchesPerSegment - 1) * 12
    return undefined
  }

  #read(path: string, target: Buffer, position: number): number {
    const length = Math.min(target.length, this.#sizeOf(path)! - position)
    const base = this.#baseOf(path, '.log')
    if (base !== undefined) {
      this.logReads++
      this.logBytes += length
      this.#readLog(base, target.subarray(0, length), position)
      return length
    }
    this.indexReads++
    this.indexBytes += length
    const entryBytes = path.endsWith('.timeindex') ? 12 : 8
    for (let at = 0; at < length; at += entryBytes) this.#writeEntry(path, target, at, (position + at) / entryBytes + 1)
    return length
  }

  #readLog(base: number, target: Buffer, position: number): void {
    const { length } = this.#log.batch
    for (let done = 0; done < target.length;) {
      const number = Math.floor((position + done) / length)
      const from = position + done - number * length
      done += this.#batch(base / this.#recordsPerBatch + number).copy(target, done, from)
    }
  }

  #batch(number: number): Buffer {
    const { batch } = this.#log
    setBaseOffset(batch, 0, number * this.#recordsPerBatch)
    batch.writeBigInt64BE(BigInt(number * SECOND_MS), 27)
    batch.writeBigInt64BE(BigInt(number * SECOND_MS), 35)
    sealBatch(batch, 0)
    return batch
  }

  /** The entry of the `number`th batch of a segment. */
  #writeEntry(path: string, target: Buffer, at: number, number: number): void {
    const relative = (number + 1) * this.#recordsPerBatch - 1
    if (path.endsWith('.index')) {
      target.writeInt32BE(relative, at)
      target.writeInt32BE(number * this.#log.batch.length, at + 4)
    } else {
      const base = this.#baseOf(path, '.timeindex')!
      target.writeBigInt64BE(BigInt((base / this.#recordsPerBatch + number) * SECOND_MS), at)
      target.writeInt32BE(relative, at + 8)
    }
  }
}
