import { TableChange } from '../change.ts'
import { operatorFailed } from '../failure.ts'
import type { Aggregation } from '../aggregations.ts'
import { timestampOf } from '../record.ts'
import type { StagePlan } from '../stage-spec.ts'
import { type KeyValueStore, keyValueStore } from '../state/key-value-store.ts'
import { aggregated } from './aggregated.ts'
import { type Combine, combiners } from './combine.ts'
import { keyOf } from './key-of.ts'
import { type Emit, placeOf, type Stage, type StageContext } from './stage.ts'
import { storeView } from './table.ts'

/** One value per key over all time: a table. */
export function aggregate(aggregation: Aggregation): StagePlan {
  return (site) => {
    const { name, label, key, state, gives } = aggregated(site, aggregation)
    const store = keyValueStore(name, key, state)
    return {
      spec: {
        label,
        stores: [store],
        view: (views) => storeView(views.store(store)),
        build: (tasks) => {
          const stage = new AggregateStage(label, aggregation, tasks.store(store), tasks.next(), tasks.context)
          return { stage, ports: stage.ports }
        },
      },
      gives: [gives],
    }
  }
}

/** One value per key over all time: each record changes it and passes the new one on. */
export class AggregateStage implements Stage {
  readonly ports: readonly Emit[]

  constructor(label: string, aggregation: Aggregation, store: KeyValueStore, next: Emit, context: StageContext) {
    const place = placeOf(context, label)
    const taking = (combine: Combine): Emit => {
      return (item, origin) => {
        const key = keyOf(item, origin, place)
        const entry = store.entry(key)
        let value: unknown
        try {
          value = combine(entry.value, item)
        } catch (error) {
          throw operatorFailed(place, origin, error)
        }
        const timestamp = Math.max(entry.timestamp, timestampOf(item, origin))
        const previous = entry.value ?? null
        store.put(entry, value, timestamp)
        next(new TableChange(key, value, previous, timestamp), origin)
      }
    }
    this.ports = combiners(aggregation).map(taking)
  }

  complete(): void {}

  reset(): void {}

  seed(): void {}
}
