import type { Part, PlannedStage } from '../plan.ts'
import type { KeyValueStore } from '../state/key-value-store.ts'
import { joinedView } from './joins.ts'
import { derivedView } from './table-operators.ts'

/** What a table has for a key, and since when. */
export type TableView = (key: unknown) => { readonly value: unknown; readonly timestamp: number } | undefined

/** A view of every table of a part: into its store, or made of the tables that it is made of. */
export function viewsOf(part: Part, stores: ReadonlyMap<PlannedStage, KeyValueStore>): ReadonlyMap<PlannedStage, TableView> {
  const views = new Map<PlannedStage, TableView>()
  const into = (stage: PlannedStage, port: number): TableView => views.get(stage.ports[port]![0]!.from as PlannedStage)!
  for (const stage of part.stages) {
    const { spec } = stage
    const store = stores.get(stage)
    if (store !== undefined) views.set(stage, (key) => store.find(key))
    else if (spec.kind === 'tableMap' || spec.kind === 'tableFilter') views.set(stage, derivedView(spec, into(stage, 0)))
    else if (spec.kind === 'tableJoin') views.set(stage, joinedView(spec, [into(stage, 0), into(stage, 1)]))
  }
  return views
}
