import type { Serde } from '../../../core/serde/serde.ts'
import type { AnySerde } from '../../nodes.ts'
import { type KeyValueStore, keyValueStore } from '../key-value-store.ts'
import type { Access, StoreDeclaration, StreamKey } from './store-declaration.ts'

export interface KeyValueDeclaration<K, V> extends StoreDeclaration {
  readonly kind: 'key-value'
  /** Its types; there is no such value. */
  readonly types?: readonly [K, V]
}

export interface KeyValueOptions<K, V> {
  /** Serde of the keys in the changelog; default: that of the keys of the stream. */
  key?: Serde<K>
  /** Serde of the values in the changelog. */
  value: Serde<V>
  /** Names store and changelog, so that they stay the same when the declaration changes. */
  name?: string
}

/**
 * Declares a store of one value per key, for a processor. Kafka Streams' `Stores.keyValueStoreBuilder`.
 *
 * ```ts
 * stores: { seen: keyValue({ key: string, value: int64 }) }
 * ```
 */
export function keyValue<K = StreamKey, V = never>({ key, value, name }: KeyValueOptions<K, V>): KeyValueDeclaration<K, V> {
  return {
    kind: 'key-value',
    name,
    keySerde: key as AnySerde | undefined,
    spec: (store, keys) => keyValueStore(store, keys, value as AnySerde),
    open: (store, keys, access) => new KeyValueState(store as KeyValueStore, keys, access),
  }
}

/** One value per key, as a processor sees it: changes are durable with the epoch, and undone with it. */
export class KeyValueState<K, V> {
  readonly #store: KeyValueStore
  readonly #key: AnySerde
  readonly #access: Access

  /** Not for users: {@link keyValue}. */
  constructor(store: KeyValueStore, key: AnySerde, access: Access) {
    this.#store = store
    this.#key = key
    this.#access = access
  }

  get(key: K): V | undefined {
    this.#access.check()
    return this.#store.find(key)?.value as V | undefined
  }

  /** Time of the record, or of the timer, that has put the value. */
  timestamp(key: K): number | undefined {
    this.#access.check()
    return this.#store.find(key)?.timestamp
  }

  /** Give it a new value: one that is changed in place would not be undone with a failed epoch. */
  put(key: K, value: V): void {
    this.#access.check()
    this.#store.put(this.#store.entry(key), value, this.#access.timestamp)
  }

  /** The value that is there; if there is none, this one is put and undefined given. */
  putIfAbsent(key: K, value: V): V | undefined {
    const there = this.get(key)
    if (there === undefined) this.put(key, value)
    return there
  }

  /** The value that was there. */
  delete(key: K): V | undefined {
    this.#access.check()
    const entry = this.#store.find(key)
    if (entry === undefined) return undefined
    const value = entry.value as V
    this.#store.put(entry, undefined, entry.timestamp)
    return value
  }

  /** Everything, in the order of the bytes of the keys: the same before and after a restart. */
  entries(): [K, V][] {
    return this.#sorted(() => true)
  }

  /** The keys from one to another, both included, as their bytes are ordered. */
  range(from: K, to: K): [K, V][] {
    const [first, last] = [this.#key.serialize(from), this.#key.serialize(to)]
    return this.#sorted((bytes) => Buffer.compare(bytes, first) >= 0 && Buffer.compare(bytes, last) <= 0)
  }

  #sorted(takes: (key: Buffer) => boolean): [K, V][] {
    this.#access.check()
    const found = [...this.#store.entries()].map(({ key, value }) => ({ bytes: this.#key.serialize(key), key, value }))
    return found
      .filter(({ bytes }) => takes(bytes))
      .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
      .map(({ key, value }) => [key as K, value as V])
  }
}
