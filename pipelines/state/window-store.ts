import type { Serde } from '../../core/serde/serde.ts'
import { type ChangelogWriter, change, type Entry, keyId, type KeyId, newEntry, type Store, type Stored, undo } from './entry.ts'

interface WindowEntry extends Entry {
  readonly start: number
}

type Bucket = Map<KeyId, WindowEntry>

/** The changelog's key ends in the window's start, big-endian int64. */
const START_BYTES = 8

/** One value per key and window, kept window by window, so that closing one costs only what is in it. */
export class WindowStore implements Store {
  readonly name: string
  readonly #keySerde: Serde<unknown>
  readonly #valueSerde: Serde<unknown>
  readonly #buckets: Map<number, Bucket>
  #dirty: WindowEntry[]
  #epoch: number

  constructor(name: string, keySerde: Serde<unknown>, valueSerde: Serde<unknown>) {
    this.name = name
    this.#keySerde = keySerde
    this.#valueSerde = valueSerde
    this.#buckets = new Map()
    this.#dirty = []
    this.#epoch = 0
  }

  get size(): number {
    let size = 0
    for (const bucket of this.#buckets.values()) size += bucket.size
    return size
  }

  /** The entry of a key in the window that starts at `start`, made when there is none. */
  entry(start: number, key: unknown): Entry {
    let bucket = this.#buckets.get(start)
    if (bucket === undefined) this.#buckets.set(start, (bucket = new Map()))
    const id = keyId(key, this.#keySerde)
    let entry = bucket.get(id)
    if (entry === undefined) {
      entry = { ...newEntry(key), start }
      bucket.set(id, entry)
      change(entry, undefined, -1, this.#epoch, this.#dirty)
    }
    return entry
  }

  put(entry: Entry, value: unknown, timestamp: number): void {
    change(entry, value, timestamp, this.#epoch, this.#dirty as Entry[])
  }

  /** Starts of the windows that start at or before `start`, oldest first. */
  startsUpTo(start: number): number[] {
    const starts: number[] = []
    for (const at of this.#buckets.keys()) if (at <= start) starts.push(at)
    return starts.sort((a, b) => a - b)
  }

  /** The keys with a value in one window, in the order in which they came. */
  entriesOf(start: number): Entry[] {
    return [...(this.#buckets.get(start)?.values() ?? [])].filter((entry) => entry.value !== undefined)
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
    const end = changelogKey.length - START_BYTES
    const start = Number(changelogKey.readBigInt64BE(end))
    const key = this.#keySerde.deserialize(changelogKey, 0, end)
    const id = keyId(key, this.#keySerde)
    if (value === null) {
      this.#delete(start, id)
      return
    }
    let bucket = this.#buckets.get(start)
    if (bucket === undefined) this.#buckets.set(start, (bucket = new Map()))
    const restored = { value: this.#valueSerde.deserialize(value, 0, value.length), timestamp }
    bucket.set(id, { ...newEntry(key), start, ...restored })
  }

  *entries(): Generator<Stored> {
    for (const bucket of this.#buckets.values()) {
      for (const { key, value, timestamp, start } of bucket.values()) if (value !== undefined) yield { key, value, timestamp, start }
    }
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
      if (entry.value === undefined) this.#delete(entry.start, keyId(entry.key, this.#keySerde))
    }
    this.#dirty = []
    this.#epoch++
  }

  #delete(start: number, id: KeyId): void {
    const bucket = this.#buckets.get(start)
    if (bucket?.delete(id) === true && bucket.size === 0) this.#buckets.delete(start)
  }
}
