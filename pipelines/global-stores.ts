import { type Part, globalsOf } from './plan.ts'
import type { TableView } from './stage-spec.ts'
import { KeyValueStore } from './state/key-value-store.ts'

/** What the global tables of some parts have, for all tasks of the process: the topics are their changelogs. */
export class GlobalStores {
  readonly #stores: ReadonlyMap<string, KeyValueStore>

  constructor(parts: readonly Part[]) {
    this.#stores = new Map(globalsOf(parts).map(({ name, key, value }) => [name, new KeyValueStore(name, key, value)]))
  }

  /** Their names. */
  get topics(): string[] {
    return [...this.#stores.keys()]
  }

  has(topic: string): boolean {
    return this.#stores.has(topic)
  }

  view(topic: string): TableView {
    const store = this.#stores.get(topic)!
    return (key) => store.find(key)
  }

  /** Takes a record of a topic; one without a key belongs nowhere. */
  take(topic: string, key: Buffer | null, value: Buffer | null, timestamp: number): void {
    if (key !== null) this.#stores.get(topic)!.restore(key, value, timestamp)
  }
}
