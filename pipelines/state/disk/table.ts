import type { Ordered } from './engine.ts'
import { behind, diskKey, diskValue, keyStart, type Layout, readRow, type Row, timeKey } from './layout.ts'

interface Change {
  readonly key: Buffer
  /** null: gone. */
  readonly value: Buffer | null
  /** In the index by time, when there is one. */
  readonly time: Buffer | undefined
}

/** Memory that a row takes beside its bytes: an entry, its place in a map, the objects of key and value. About. */
const ROW_OVERHEAD_BYTES = 300

/**
 * What one store has on disk: what its changelog holds, each key once, in an order that the store can read in. Changes come as records of the
 * changelog, wait in memory, and are written together by the folder.
 */
export class DiskTable {
  readonly #layout: Layout
  readonly #rows: Ordered
  readonly #times: Ordered | undefined
  /** How much of it may be in memory, in bytes. */
  readonly #budget: () => number
  #changes: Change[]
  /** Behind the greatest number of a record of a timeline. */
  #nextSeq: number
  #bytes: number
  #counted: number

  /** @param times the index, of a timeline */
  constructor(layout: Layout, rows: Ordered, times: Ordered | undefined, nextSeq: number, budget: () => number) {
    this.#layout = layout
    this.#rows = rows
    this.#times = times
    this.#budget = budget
    this.#changes = []
    this.#nextSeq = nextSeq
    this.#bytes = 0
    this.#counted = 0
  }

  /** Rows that are written. */
  get size(): number {
    return this.#rows.getStats().entryCount
  }

  get nextSeq(): number {
    return this.#nextSeq
  }

  /** Changes that wait to be written. */
  get waiting(): number {
    return this.#changes.length
  }

  /** How many rows may be in memory, by their size so far. */
  get rowsMax(): number {
    const average = this.#counted === 0 ? 0 : this.#bytes / this.#counted
    return Math.max(1, Math.floor(this.#budget() / (ROW_OVERHEAD_BYTES + 2 * average)))
  }

  /** Takes one record of the changelog: written with the next {@link DiskTable.write}. */
  stage(changelogKey: Buffer, value: Buffer | null, timestamp: number): void {
    const { placeBytes } = this.#layout
    if (placeBytes === 12) this.#nextSeq = Math.max(this.#nextSeq, changelogKey.readUInt32BE(changelogKey.length - 4) + 1) >>> 0
    const key = diskKey(this.#layout, changelogKey)
    const time = this.#times === undefined ? undefined : key.subarray(key.length - placeBytes)
    this.#changes.push({ key, value: value === null ? null : diskValue(this.#layout, changelogKey, timestamp, value), time })
  }

  /** Writes what waits; inside a transaction of the environment. */
  write(): void {
    for (const { key, value, time } of this.#changes) {
      if (value === null) {
        this.#rows.removeSync(key)
        if (time !== undefined) this.#times!.removeSync(time)
      } else {
        this.#rows.putSync(key, value)
        if (time !== undefined) this.#times!.putSync(time, key)
        this.#count(key.length + value.length)
      }
    }
  }

  /** Removes everything; inside a transaction of the environment. */
  clear(): void {
    this.#rows.clearSync()
    this.#times?.clearSync()
    this.drop()
  }

  /** Forgets what waits. */
  drop(): void {
    this.#changes = []
  }

  get(changelogKey: Buffer): Row | undefined {
    return this.#read(diskKey(this.#layout, changelogKey))
  }

  /** Everything, in the order of the disk. */
  *all(): Generator<Row> {
    yield* this.#range({})
  }

  /** Everything of one key of a timeline, oldest first. */
  *ofKey(key: Buffer): Generator<Row> {
    const start = keyStart(key)
    const end = behind(start)
    yield* this.#range(end === undefined ? { start } : { start, end })
  }

  /** Everything in one window. */
  *ofTime(time: number): Generator<Row> {
    yield* this.#range({ start: timeKey(time), end: timeKey(time + 1) })
  }

  /** The least time at or behind this one, of windows. */
  firstTime(from: number): number | undefined {
    for (const { key } of this.#rows.getRange({ start: timeKey(from), limit: 1 })) {
      return Number(key.readBigInt64BE() ^ -(1n << 63n))
    }
    return undefined
  }

  /** Everything of a timeline up to a time, oldest first. */
  *upTo(time: number): Generator<Row> {
    const end = timeKey(time + 1)
    for (const { value: key } of this.#times!.getRange(Number.isFinite(time) ? { end } : {})) {
      const row = this.#read(key)
      if (row !== undefined) yield row
    }
  }

  *#range(options: { start?: Buffer; end?: Buffer }): Generator<Row> {
    for (const { key, value } of this.#rows.getRange(options)) yield readRow(this.#layout, key, value)
  }

  #read(key: Buffer): Row | undefined {
    const value = this.#rows.getBinary(key)
    if (value === undefined) return undefined
    this.#count(key.length + value.length)
    return readRow(this.#layout, key, value)
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#counted++
  }
}
