import { isDeepStrictEqual } from 'node:util'
import { MoldauError } from '../../core/base/errors.ts'
import type { Stored } from '../state/entry.ts'
import type { RunningTask } from './tasks.ts'

/** What a store has for a key. */
export type TestStoreEntry<K, V> = Stored<K, V>

/** A store of all tasks, to be looked into. */
export interface TestStore<K, V> {
  /** The value of a key; of windows, in the one that starts there. */
  get(key: K, start?: number): V | undefined
  /** Everything, by key and window. */
  entries(): TestStoreEntry<K, V>[]
}

/** @throws INVALID_ARGUMENT with the names that there are */
export function testStore(pipeline: string, tasks: readonly RunningTask[], name: string): TestStore<unknown, unknown> {
  const all = tasks.flatMap(({ task }) => task.stores)
  const stores = all.filter((store) => store.name === name || store.name === `${pipeline}-${name}`)
  if (stores.length === 0) {
    const names = [...new Set(all.map((store) => store.name.slice(pipeline.length + 1)))].join(', ')
    throw new MoldauError('INVALID_ARGUMENT', `pipeline "${pipeline}" has no store '${name}'; it has ${names === '' ? 'none' : names}`)
  }
  const entries = (): Stored[] => stores.flatMap((store) => [...store.entries()]).sort(byPlace)
  return {
    entries,
    get: (key, start) =>
      entries().find((entry) => isDeepStrictEqual(entry.key, key) && (start === undefined || entry.start === start))?.value,
  }
}

function byPlace(a: Stored, b: Stored): number {
  const [x, y] = [JSON.stringify(a.key), JSON.stringify(b.key)]
  if (x !== y) return x < y ? -1 : 1
  return (a.start ?? 0) - (b.start ?? 0) || a.timestamp - b.timestamp
}
