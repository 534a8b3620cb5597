import { TableChange } from '../change.ts'
import { json } from '../../core/serde/primitives.ts'
import type { AnySerde } from '../nodes.ts'
import { timestampOf } from '../record.ts'
import { builtOf, keysOf, type StagePlan, type TableView } from '../stage-spec.ts'
import { type KeyValueStore, keyValueStore } from '../state/key-value-store.ts'
import { keyOf } from './key-of.ts'
import { type Emit, placeOf, type Stage, type StageContext } from './stage.ts'

export interface TableOf {
  readonly name: string | undefined
  /** Serde of the values in the changelog; default: that of what flows in, else JSON. */
  readonly state: AnySerde | undefined
}

/** A table: the latest value of each key, kept in a store. */
export function table(options: TableOf): StagePlan {
  return (site) => {
    const [input] = site.flows
    const { key, value } = input!
    if (key === undefined) {
      throw site.invalid(
        'a table needs the keys of a topic, and an operator before may have changed them, or it is a source: ' +
          'records of one key may be in several partitions; use keyBy(f, { key: serde }) first',
      )
    }
    const name = site.storeName(options.name, 'table')
    const state = options.state ?? value ?? (json() as AnySerde)
    const store = keyValueStore(name, key, state)
    const label = site.label('table')
    return {
      spec: {
        label,
        stores: [store],
        view: (views) => storeView(views.store(store)),
        build: (tasks) => builtOf(new TableStage(label, tasks.store(store), tasks.next(), tasks.context)),
      },
      gives: [keysOf(input!)],
    }
  }
}

/** Looks into a store. */
export function storeView(store: KeyValueStore): TableView {
  return (key) => store.find(key)
}

/** The latest value of each key: what comes later replaces what was there, null deletes. As Kafka Streams' KTableSource, the last record counts, be it older or not. */
export class TableStage implements Stage {
  readonly process: Emit

  constructor(label: string, store: KeyValueStore, next: Emit, context: StageContext) {
    const place = placeOf(context, label)
    this.process = (item, origin) => {
      const key = keyOf(item, origin, place)
      const { value = null } = item as { value?: unknown }
      const timestamp = timestampOf(item, origin)
      const entry = store.entry(key)
      const previous = entry.value ?? null
      store.put(entry, value ?? undefined, timestamp)
      next(new TableChange(key, value, previous, timestamp), origin)
    }
  }

  complete(): void {}

  reset(): void {}

  seed(): void {}
}
