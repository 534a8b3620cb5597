import { json } from '../../core/serde/primitives.ts'
import { TableChange } from '../change.ts'
import { operatorFailed } from '../failure.ts'
import type { AnySerde } from '../nodes.ts'
import { timestampOf } from '../record.ts'
import { builtOf, type StagePlan } from '../stage-spec.ts'
import { type KeyValueStore, keyValueStore } from '../state/key-value-store.ts'
import { keyOf } from './key-of.ts'
import type { Moved } from './moved.ts'
import { type Emit, placeOf, type Stage, type StageContext } from './stage.ts'
import { storeView } from './table.ts'

/** What becomes of a group when a row comes to it or goes. */
export interface TableAggregation {
  /** What it is called in the declaration: aggregate, count, reduce. */
  readonly verb: string
  readonly name: string | undefined
  /** undefined: the first row's value begins (reduce). */
  readonly init: (() => unknown) | undefined
  readonly add: (value: never, row: never, key: never) => unknown
  readonly subtract: (value: never, row: never, key: never) => unknown
  readonly state: AnySerde | undefined
}

/** One value per group of a table. */
export function aggregateTable(aggregation: TableAggregation): StagePlan {
  return (site) => {
    const { verb, name, state = json() as AnySerde } = aggregation
    const { key } = site.flows[0]!
    const label = site.label(verb)
    const store = keyValueStore(site.storeName(name, `table-${verb}`), key!, state)
    return {
      spec: {
        label,
        stores: [store],
        view: (views) => storeView(views.store(store)),
        build: (tasks) => builtOf(new TableAggregateStage(label, aggregation, tasks.store(store), tasks.next(), tasks.context)),
      },
      gives: [{ key, value: undefined, grouped: true }],
    }
  }
}

type Loose = (value: unknown, row: unknown, key: unknown) => unknown

/** As Kafka Streams' KTableAggregate and KTableReduce: first a row is taken out, then one is added. A group of which nothing is left is deleted. */
export class TableAggregateStage implements Stage {
  readonly process: Emit

  constructor(label: string, aggregation: TableAggregation, store: KeyValueStore, next: Emit, context: StageContext) {
    const place = placeOf(context, label)
    const { init } = aggregation
    const [add, subtract] = [aggregation.add as Loose, aggregation.subtract as Loose]
    this.process = (item, origin) => {
      const key = keyOf(item, origin, place)
      const { gone, come } = (item as { value: Moved }).value
      const entry = store.entry(key)
      const previous = entry.value ?? null
      let value: unknown = previous
      try {
        if (gone !== null && value !== null) value = subtract(value, gone, key) ?? null
        if (come !== null) value = (value === null && init === undefined ? come : add(value ?? init!(), come, key)) ?? null
      } catch (error) {
        throw operatorFailed(place, origin, error)
      }
      const timestamp = Math.max(entry.timestamp, timestampOf(item, origin))
      store.put(entry, value ?? undefined, timestamp)
      next(new TableChange(key, value, previous, timestamp), origin)
    }
  }

  complete(): void {}

  reset(): void {}

  seed(): void {}
}
