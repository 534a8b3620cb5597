import type { Serde } from '../../core/serde/serde.ts'
import { Buckets, CachedBuckets } from './buckets.ts'
import { type Layout, timeOf } from './disk/layout.ts'
import type { DiskTable } from './disk/table.ts'
import { type ChangelogWriter, change, type Entry, keyId, type KeyId, newEntry, type Store, type Stored, undo } from './entry.ts'
import type { StoreSpec } from './store-spec.ts'

interface WindowEntry extends Entry {
  readonly start: number
}

/** The changelog's key ends in the window's start, big-endian int64. */
const START_BYTES = 8

/** A store with one value per key and window. */
export function windowStore(name: string, key: Serde<unknown>, value: Serde<unknown>): StoreSpec<WindowStore> {
  const layout: Layout = { by: 'place', placeBytes: START_BYTES }
  return { name, kind: 'window', layout, key, value, create: (disk) => new WindowStore(name, key, value, disk) }
}

/** One value per key and window, kept window by window, so that closing one costs only what is in it; in memory or on disk. */
export class WindowStore implements Store {
  readonly name: string
  readonly #keySerde: Serde<unknown>
  readonly #valueSerde: Serde<unknown>
  readonly #disk: DiskTable | undefined
  readonly #buckets: Buckets<WindowEntry> | CachedBuckets<WindowEntry>
  /** On disk: what has come in this epoch. */
  #fresh: Buckets<WindowEntry>
  #dirty: WindowEntry[]
  #epoch: number

  /** @param disk where what is not in memory stands; undefined: everything is in memory */
  constructor(name: string, keySerde: Serde<unknown>, valueSerde: Serde<unknown>, disk?: DiskTable) {
    this.name = name
    this.#keySerde = keySerde
    this.#valueSerde = valueSerde
    this.#disk = disk
    this.#buckets = disk === undefined ? new Buckets() : new CachedBuckets()
    this.#fresh = new Buckets()
    this.#dirty = []
    this.#epoch = 0
  }

  get size(): number {
    if (this.#disk === undefined) return (this.#buckets as Buckets<WindowEntry>).size
    return this.#dirty.reduce(
      (size, { value, before }) => size + Number(value !== undefined) - Number(before !== undefined),
      this.#disk.size,
    )
  }

  /** The entry of a key in the window that starts at `start`, made when there is none. */
  entry(start: number, key: unknown): Entry {
    const id = keyId(key, this.#keySerde)
    return this.#buckets.get(start, id) ?? this.#load(start, id, key) ?? this.#make(start, id, key)
  }

  put(entry: Entry, value: unknown, timestamp: number): void {
    change(entry, value, timestamp, this.#epoch, this.#dirty as Entry[])
  }

  /** Starts of the windows that start at or before `start`, oldest first. */
  startsUpTo(start: number): number[] {
    const starts = new Set<number>()
    for (const at of this.#inMemory().times()) if (at <= start) starts.add(at)
    if (this.#disk !== undefined) {
      for (let at = this.#disk.firstTime(-Infinity); at !== undefined && at <= start; at = this.#disk.firstTime(at + 1)) starts.add(at)
    }
    return [...starts].sort((a, b) => a - b)
  }

  /** The keys with a value in one window: in memory in the order in which they came. */
  entriesOf(start: number): Entry[] {
    const entries: WindowEntry[] = []
    for (const row of this.#disk?.ofTime(start) ?? []) {
      const key = this.#keySerde.deserialize(row.key, 0, row.key.length)
      const id = keyId(key, this.#keySerde)
      let entry = this.#buckets.get(start, id)
      if (entry === undefined) this.#buckets.set(start, id, (entry = this.#decoded(start, key, row.timestamp, row.value)))
      entries.push(entry)
    }
    entries.push(...this.#inMemory().of(start))
    return entries.filter((entry) => entry.value !== undefined)
  }

  writeChanges(write: ChangelogWriter): void {
    for (const { key, start, value, before, timestamp, beforeTimestamp } of this.#dirty) {
      if (value === undefined) {
        if (before !== undefined) write(this.#changelogKey(key, start), null, beforeTimestamp)
      } else if (value !== before || timestamp !== beforeTimestamp) {
        write(this.#changelogKey(key, start), this.#valueSerde.serialize(value), timestamp)
      }
    }
  }

  commit(): void {
    this.#dropEmpty()
  }

  rollback(): void {
    for (const entry of this.#dirty) undo(entry)
    this.#dropEmpty()
  }

  restore(changelogKey: Buffer, value: Buffer | null, timestamp: number): void {
    if (this.#disk !== undefined) return this.#disk.stage(changelogKey, value, timestamp)
    const end = changelogKey.length - START_BYTES
    const start = timeOf(changelogKey.subarray(end))
    const key = this.#keySerde.deserialize(changelogKey, 0, end)
    const id = keyId(key, this.#keySerde)
    if (value === null) this.#buckets.delete(start, id)
    else this.#buckets.set(start, id, this.#decoded(start, key, timestamp, value))
  }

  *entries(): Generator<Stored> {
    for (const { key, value, timestamp, start } of this.#all()) if (value !== undefined) yield { key, value, timestamp, start }
  }

  *#all(): Generator<WindowEntry> {
    for (const row of this.#disk?.all() ?? []) {
      const start = timeOf(row.place)
      const key = this.#keySerde.deserialize(row.key, 0, row.key.length)
      yield this.#buckets.get(start, keyId(key, this.#keySerde)) ?? this.#decoded(start, key, row.timestamp, row.value)
    }
    yield* this.#inMemory().values()
  }

  /** What stands in memory only: everything, or on disk what has come in this epoch. */
  #inMemory(): Buckets<WindowEntry> {
    return this.#disk === undefined ? (this.#buckets as Buckets<WindowEntry>) : this.#fresh
  }

  #make(start: number, id: KeyId, key: unknown): WindowEntry {
    const entry = { ...newEntry(key), start }
    this.#buckets.set(start, id, entry)
    if (this.#disk !== undefined) this.#fresh.set(start, id, entry)
    change(entry, undefined, -1, this.#epoch, this.#dirty as Entry[])
    return entry
  }

  #load(start: number, id: KeyId, key: unknown): WindowEntry | undefined {
    if (this.#disk === undefined) return undefined
    const row = this.#disk.get(this.#changelogKey(key, start))
    if (row === undefined) return undefined
    const entry = this.#decoded(start, key, row.timestamp, row.value)
    this.#buckets.set(start, id, entry)
    return entry
  }

  #decoded(start: number, key: unknown, timestamp: number, value: Buffer): WindowEntry {
    return { ...newEntry(key), start, value: this.#valueSerde.deserialize(value, 0, value.length), timestamp }
  }

  #changelogKey(key: unknown, start: number): Buffer {
    const bytes = this.#keySerde.serialize(key)
    const result = Buffer.allocUnsafe(bytes.length + START_BYTES)
    bytes.copy(result)
    result.writeBigInt64BE(BigInt(start), bytes.length)
    return result
  }

  #dropEmpty(): void {
    for (const entry of this.#dirty) {
      if (entry.value === undefined) this.#buckets.delete(entry.start, keyId(entry.key, this.#keySerde))
    }
    this.#dirty = []
    this.#epoch++
    if (this.#fresh.size > 0) this.#fresh = new Buckets()
    if (this.#buckets instanceof CachedBuckets) this.#buckets.trim(this.#disk!.rowsMax)
  }
}
