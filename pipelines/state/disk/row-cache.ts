/** What a store keeps rows in: a Map, or the part of them that is in memory when the rest is on disk. */
export interface Rows<K, R> {
  get(key: K): R | undefined
  set(key: K, row: R): unknown
  delete(key: K): unknown
  values(): Iterable<R>
  readonly size: number
}

/**
 * Rows in memory of those on disk, in two generations: what is asked for comes into the younger one, and when that is full the older one is
 * forgotten. So a hit costs as much as in a Map.
 */
export class RowCache<K, R> implements Rows<K, R> {
  #young: Map<K, R>
  #old: Map<K, R>

  constructor() {
    this.#young = new Map()
    this.#old = new Map()
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(key: K): R | undefined {
    const row = this.#young.get(key)
    if (row !== undefined) return row
    const old = this.#old.get(key)
    if (old === undefined) return undefined
    this.#old.delete(key)
    this.#young.set(key, old)
    return old
  }

  set(key: K, row: R): void {
    this.#young.set(key, row)
  }

  delete(key: K): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }

  *values(): Generator<R> {
    yield* this.#young.values()
    yield* this.#old.values()
  }

  /** Forgets what was not asked for of late, if there is more than this. Only between epochs: what has changed must stay. */
  trim(rowsMax: number): void {
    if (this.#young.size <= rowsMax / 2) return
    this.#old = this.#young
    this.#young = new Map()
  }
}
