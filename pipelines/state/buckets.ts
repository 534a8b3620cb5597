import type { KeyId } from './entry.ts'

/** Rows by time and key, time by time, so that all of one time are together. */
export class Buckets<R> {
  readonly #buckets: Map<number, Map<KeyId, R>>
  #size: number

  constructor() {
    this.#buckets = new Map()
    this.#size = 0
  }

  get size(): number {
    return this.#size
  }

  get(time: number, id: KeyId): R | undefined {
    return this.#buckets.get(time)?.get(id)
  }

  set(time: number, id: KeyId, row: R): void {
    let bucket = this.#buckets.get(time)
    if (bucket === undefined) this.#buckets.set(time, (bucket = new Map()))
    if (!bucket.has(id)) this.#size++
    bucket.set(id, row)
  }

  delete(time: number, id: KeyId): void {
    const bucket = this.#buckets.get(time)
    if (bucket?.delete(id) !== true) return
    this.#size--
    if (bucket.size === 0) this.#buckets.delete(time)
  }

  times(): Iterable<number> {
    return this.#buckets.keys()
  }

  of(time: number): Iterable<R> {
    return this.#buckets.get(time)?.values() ?? []
  }

  *values(): Generator<R> {
    for (const bucket of this.#buckets.values()) yield* bucket.values()
  }
}

/** {@link Buckets} of which only the part that is in use is in memory, as RowCache. */
export class CachedBuckets<R> {
  #young: Buckets<R>
  #old: Buckets<R>

  constructor() {
    this.#young = new Buckets()
    this.#old = new Buckets()
  }

  get(time: number, id: KeyId): R | undefined {
    const row = this.#young.get(time, id)
    if (row !== undefined) return row
    const old = this.#old.get(time, id)
    if (old === undefined) return undefined
    this.#old.delete(time, id)
    this.#young.set(time, id, old)
    return old
  }

  set(time: number, id: KeyId, row: R): void {
    this.#young.set(time, id, row)
  }

  delete(time: number, id: KeyId): void {
    this.#young.delete(time, id)
    this.#old.delete(time, id)
  }

  /** Forgets what was not asked for of late, if there is more than this. Only between epochs: what has changed must stay. */
  trim(rowsMax: number): void {
    if (this.#young.size <= rowsMax / 2) return
    this.#old = this.#young
    this.#young = new Buckets()
  }
}
