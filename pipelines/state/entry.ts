import type { Serde } from '../../core/serde/serde.ts'

/** What a Map can be asked for: primitives as they are, everything else by its bytes. */
export type KeyId = string | number | bigint | boolean

/** One key's value, with what it was when the epoch began: undo log and dirty set in one. */
export interface Entry {
  readonly key: unknown
  /** undefined: no value. */
  value: unknown
  /** Time of the newest record in the value. */
  timestamp: number
  /** Value and time at the beginning of the epoch numbered {@link Entry.epoch}. */
  before: unknown
  beforeTimestamp: number
  /** The last epoch that touched it. */
  epoch: number
}

/** Where a store writes what has changed. */
export type ChangelogWriter = (key: Buffer, value: Buffer | null, timestamp: number) => void

/** What a store has for a key, as somebody who looks into it is told. */
export interface Stored<K = unknown, V = unknown> {
  readonly key: K
  readonly value: V
  /** Time of the newest record in the value; of a session its end. */
  readonly timestamp: number
  /** Of windows: where the window starts. */
  readonly start?: number
}

/** What the task does with every store, whatever its kind. */
export interface Store {
  readonly name: string
  /** Writes each key that differs from the last commit, once. */
  writeChanges(write: ChangelogWriter): void
  /** The epoch is committed: what changed is the truth. */
  commit(): void
  /** The epoch failed: everything is as at the last commit. */
  rollback(): void
  /** Takes one record of the changelog. */
  restore(key: Buffer, value: Buffer | null, timestamp: number): void
  /** Keys that have a value. */
  readonly size: number
  /** Everything that is in it, for those who look into it from outside. */
  entries(): Iterable<Stored>
}

export function keyId(key: unknown, serde: Serde<unknown>): KeyId {
  const type = typeof key
  if (type === 'string' || type === 'number' || type === 'bigint' || type === 'boolean') return key as KeyId
  return serde.serialize(key).toString('latin1')
}

export function newEntry(key: unknown): Entry {
  return { key, value: undefined, timestamp: -1, before: undefined, beforeTimestamp: -1, epoch: -1 }
}

/** Gives the entry a value; the first time in an epoch it is put on the list of what is dirty. */
export function change(entry: Entry, value: unknown, timestamp: number, epoch: number, dirty: Entry[]): void {
  if (entry.epoch !== epoch) {
    entry.epoch = epoch
    entry.before = entry.value
    entry.beforeTimestamp = entry.timestamp
    dirty.push(entry)
  }
  entry.value = value
  entry.timestamp = timestamp
}

/** Gives the entry back what it had when the epoch began. */
export function undo(entry: Entry): void {
  entry.value = entry.before
  entry.timestamp = entry.beforeTimestamp
  entry.epoch = -1
}
