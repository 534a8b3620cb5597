import type { Serde } from '../../core/serde/serde.ts'
import { RowCache, type Rows } from './disk/row-cache.ts'
import type { DiskTable } from './disk/table.ts'
import { type ChangelogWriter, change, type Entry, keyId, type KeyId, newEntry, type Store, type Stored, undo } from './entry.ts'
import type { StoreSpec } from './store-spec.ts'

/** A store with one value per key. */
export function keyValueStore(name: string, key: Serde<unknown>, value: Serde<unknown>): StoreSpec<KeyValueStore> {
  return {
    name,
    kind: 'key-value',
    layout: { by: 'key', placeBytes: 0 },
    key,
    value,
    create: (disk) => new KeyValueStore(name, key, value, disk),
  }
}

/** One value per key, with an undo log; in memory, or on disk with the rows in memory that are in use. Durable through its changelog. */
export class KeyValueStore implements Store {
  readonly name: string
  readonly #keySerde: Serde<unknown>
  readonly #valueSerde: Serde<unknown>
  readonly #disk: DiskTable | undefined
  readonly #entries: Rows<KeyId, Entry>
  #dirty: Entry[]
  #epoch: number

  /** @param disk where what is not in memory stands; undefined: everything is in memory */
  constructor(name: string, keySerde: Serde<unknown>, valueSerde: Serde<unknown>, disk?: DiskTable) {
    this.name = name
    this.#keySerde = keySerde
    this.#valueSerde = valueSerde
    this.#disk = disk
    this.#entries = disk === undefined ? new Map<KeyId, Entry>() : new RowCache<KeyId, Entry>()
    this.#dirty = []
    this.#epoch = 0
  }

  get size(): number {
    if (this.#disk === undefined) return this.#entries.size
    return this.#dirty.reduce(
      (size, { value, before }) => size + Number(value !== undefined) - Number(before !== undefined),
      this.#disk.size,
    )
  }

  /** The entry of a key, made when there is none; read its value, write through {@link KeyValueStore.put}. */
  entry(key: unknown): Entry {
    const id = keyId(key, this.#keySerde)
    return this.#entries.get(id) ?? this.#load(id, key) ?? this.#make(id, key)
  }

  /** The entry of a key when it has a value. */
  find(key: unknown): Entry | undefined {
    const id = keyId(key, this.#keySerde)
    const entry = this.#entries.get(id) ?? this.#load(id, key)
    return entry?.value === undefined ? undefined : entry
  }

  put(entry: Entry, value: unknown, timestamp: number): void {
    change(entry, value, timestamp, this.#epoch, this.#dirty)
  }

  writeChanges(write: ChangelogWriter): void {
    for (const { key, value, before, timestamp, beforeTimestamp } of this.#dirty) {
      if (value === undefined) {
        if (before !== undefined) write(this.#keySerde.serialize(key), null, beforeTimestamp)
      } else if (value !== before || timestamp !== beforeTimestamp) {
        write(this.#keySerde.serialize(key), this.#valueSerde.serialize(value), timestamp)
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

  restore(keyBytes: Buffer, value: Buffer | null, timestamp: number): void {
    if (this.#disk !== undefined) return this.#disk.stage(keyBytes, value, timestamp)
    const key = this.#keySerde.deserialize(keyBytes, 0, keyBytes.length)
    const id = keyId(key, this.#keySerde)
    if (value === null) this.#entries.delete(id)
    else this.#entries.set(id, this.#decoded(key, timestamp, value))
  }

  /** In memory in the order in which they came, on disk in the order of the keys' bytes. */
  *entries(): Generator<Stored> {
    for (const { key, value, timestamp } of this.#all()) if (value !== undefined) yield { key, value, timestamp }
  }

  *#all(): Generator<Entry> {
    if (this.#disk === undefined) return yield* this.#entries.values()
    const fresh = this.#fresh()
    for (const row of this.#disk.all()) {
      while (fresh.length > 0 && fresh.at(-1)!.bytes.compare(row.key) < 0) yield fresh.pop()!.entry
      const key = this.#keySerde.deserialize(row.key, 0, row.key.length)
      yield this.#entries.get(keyId(key, this.#keySerde)) ?? this.#decoded(key, row.timestamp, row.value)
    }
    for (const { entry } of fresh.toReversed()) yield entry
  }

  /** Keys that came in this epoch, the last one first. */
  #fresh(): { bytes: Buffer; entry: Entry }[] {
    const fresh = this.#dirty.filter((entry) => entry.before === undefined)
    return fresh.map((entry) => ({ bytes: this.#keySerde.serialize(entry.key), entry })).sort((a, b) => b.bytes.compare(a.bytes))
  }

  #make(id: KeyId, key: unknown): Entry {
    const entry = newEntry(key)
    this.#entries.set(id, entry)
    change(entry, undefined, -1, this.#epoch, this.#dirty)
    return entry
  }

  #load(id: KeyId, key: unknown): Entry | undefined {
    if (this.#disk === undefined) return undefined
    const row = this.#disk.get(this.#keySerde.serialize(key))
    if (row === undefined) return undefined
    const entry = this.#decoded(key, row.timestamp, row.value)
    this.#entries.set(id, entry)
    return entry
  }

  #decoded(key: unknown, timestamp: number, value: Buffer): Entry {
    const entry = newEntry(key)
    entry.value = this.#valueSerde.deserialize(value, 0, value.length)
    entry.timestamp = timestamp
    return entry
  }

  #dropEmpty(): void {
    for (const entry of this.#dirty) {
      if (entry.value === undefined) this.#entries.delete(keyId(entry.key, this.#keySerde))
    }
    this.#dirty = []
    this.#epoch++
    if (this.#entries instanceof RowCache) this.#entries.trim(this.#disk!.rowsMax)
  }
}
