import type { Serde } from '../../core/serde/serde.ts'
import { type ChangelogWriter, change, type Entry, keyId, type KeyId, newEntry, type Store, type Stored, undo } from './entry.ts'

/** One value per key, in memory, with an undo log; durable through its changelog. */
export class KeyValueStore implements Store {
  readonly name: string
  readonly #keySerde: Serde<unknown>
  readonly #valueSerde: Serde<unknown>
  readonly #entries: Map<KeyId, Entry>
  #dirty: Entry[]
  #epoch: number

  constructor(name: string, keySerde: Serde<unknown>, valueSerde: Serde<unknown>) {
    this.name = name
    this.#keySerde = keySerde
    this.#valueSerde = valueSerde
    this.#entries = new Map()
    this.#dirty = []
    this.#epoch = 0
  }

  get size(): number {
    return this.#entries.size
  }

  /** The entry of a key, made when there is none; read its value, write through {@link KeyValueStore.put}. */
  entry(key: unknown): Entry {
    const id = keyId(key, this.#keySerde)
    let entry = this.#entries.get(id)
    if (entry === undefined) {
      entry = newEntry(key)
      this.#entries.set(id, entry)
      change(entry, undefined, -1, this.#epoch, this.#dirty)
    }
    return entry
  }

  /** The entry of a key when it has a value. */
  find(key: unknown): Entry | undefined {
    const entry = this.#entries.get(keyId(key, this.#keySerde))
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
    const key = this.#keySerde.deserialize(keyBytes, 0, keyBytes.length)
    const id = keyId(key, this.#keySerde)
    if (value === null) {
      this.#entries.delete(id)
      return
    }
    const entry = newEntry(key)
    entry.value = this.#valueSerde.deserialize(value, 0, value.length)
    entry.timestamp = timestamp
    this.#entries.set(id, entry)
  }

  *entries(): Generator<Stored> {
    for (const { key, value, timestamp } of this.#entries.values()) if (value !== undefined) yield { key, value, timestamp }
  }

  #dropEmpty(): void {
    for (const entry of this.#dirty) {
      if (entry.value === undefined) this.#entries.delete(keyId(entry.key, this.#keySerde))
    }
    this.#dirty = []
    this.#epoch++
  }
}
