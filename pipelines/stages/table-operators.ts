import { TableChange } from '../change.ts'
import { operatorFailed } from '../failure.ts'
import { builtOf, keysOf, type StagePlan, type TableView } from '../stage-spec.ts'
import { type Emit, placeOf, type Stage, type StageContext } from './stage.ts'

type Derive = (value: unknown, key: unknown) => unknown

/** The table with other values. */
export function mapTable(apply: (value: never, key: never) => unknown): StagePlan {
  const loose = apply as Derive
  return derived('mapValues of a table', (value, key) => (value === null ? null : (loose(value, key) ?? null)), false)
}

/** The keys of a table whose value a predicate takes. */
export function filterTable(predicate: (value: never, key: never) => boolean): StagePlan {
  const loose = predicate as Derive
  return derived('filter of a table', (value, key) => (value !== null && loose(value, key) === true ? value : null), true)
}

/** @param quiet a key that is not there before and after is no change; mapped values always are one, as in Kafka Streams */
function derived(kind: string, derive: Derive, quiet: boolean): StagePlan {
  return (site) => {
    const label = site.label(kind)
    return {
      spec: {
        label,
        pure: true,
        view: (views) => derivedView(derive, views.view(0)),
        build: ({ next, context }) => builtOf(new DerivedTableStage(label, derive, quiet, next(), context)),
      },
      gives: [keysOf(site.flows[0]!)],
    }
  }
}

/** A table made of another one key by key, without a store of its own: what a value is can be made again from what it was made of. */
export class DerivedTableStage implements Stage {
  readonly process: Emit

  constructor(label: string, derive: Derive, quiet: boolean, next: Emit, context: StageContext) {
    const place = placeOf(context, label)
    this.process = (item, origin) => {
      const { key, value, previous, timestamp } = item as TableChange
      let change: TableChange
      try {
        change = new TableChange(key, derive(value, key), derive(previous, key), timestamp)
      } catch (error) {
        throw operatorFailed(place, origin, error)
      }
      if (quiet && change.value === null && change.previous === null) return
      next(change, origin)
    }
  }

  complete(): void {}

  reset(): void {}

  seed(): void {}
}

/** What the derived table has for a key, made when it is asked. */
function derivedView(derive: Derive, view: TableView): TableView {
  return (key) => {
    const found = view(key)
    if (found === undefined) return undefined
    const value = derive(found.value, key)
    return value === null ? undefined : { value, timestamp: found.timestamp }
  }
}
