import { TableChange } from '../change.ts'
import { operatorFailed } from '../failure.ts'
import type { TableFilterSpec, TableMapSpec } from '../plan.ts'
import { type Emit, placeOf, type Stage, type StageContext } from './stage.ts'
import type { TableView } from './views.ts'

type Loose = (value: unknown, key: unknown) => unknown

/** A table made of another one key by key, without a store of its own: what a value is can be made again from what it was made of. */
export class DerivedTableStage implements Stage {
  readonly process: Emit

  constructor(spec: TableMapSpec | TableFilterSpec, next: Emit, context: StageContext) {
    const place = placeOf(context, spec.label)
    const derive = derivation(spec)
    this.process = (item, origin) => {
      const { key, value, previous, timestamp } = item as TableChange
      let change: TableChange
      try {
        change = new TableChange(key, derive(value, key), derive(previous, key), timestamp)
      } catch (error) {
        throw operatorFailed(place, origin, error)
      }
      // A key that is not there before and after is no change; mapped values always are one, as in Kafka Streams.
      if (spec.kind === 'tableFilter' && change.value === null && change.previous === null) return
      next(change, origin)
    }
  }

  complete(): void {}

  reset(): void {}

  seed(): void {}
}

/** What the derived table has for a key, made when it is asked. */
export function derivedView(spec: TableMapSpec | TableFilterSpec, view: TableView): TableView {
  const derive = derivation(spec)
  return (key) => {
    const found = view(key)
    if (found === undefined) return undefined
    const value = derive(found.value, key)
    return value === null ? undefined : { value, timestamp: found.timestamp }
  }
}

function derivation(spec: TableMapSpec | TableFilterSpec): (value: unknown, key: unknown) => unknown {
  const apply = spec.apply as Loose
  if (spec.kind === 'tableMap') return (value, key) => (value === null ? null : (apply(value, key) ?? null))
  return (value, key) => (value !== null && apply(value, key) === true ? value : null)
}
