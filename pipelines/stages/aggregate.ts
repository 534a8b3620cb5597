import { TableChange } from '../change.ts'
import { operatorFailed } from '../failure.ts'
import type { AggregateSpec } from '../plan.ts'
import { timestampOf } from '../record.ts'
import type { KeyValueStore } from '../state/key-value-store.ts'
import { combiner } from './combine.ts'
import { keyOf } from './key-of.ts'
import { type Emit, placeOf, type Stage, type StageContext } from './stage.ts'

/** One value per key over all time: each record changes it and passes the new one on. */
export class AggregateStage implements Stage {
  readonly process: Emit

  constructor(spec: AggregateSpec, store: KeyValueStore, next: Emit, context: StageContext) {
    const place = placeOf(context, spec.label)
    const combine = combiner(spec)
    this.process = (item, origin) => {
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

  complete(): void {}

  reset(): void {}

  seed(): void {}
}
