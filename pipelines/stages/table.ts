import { TableChange } from '../change.ts'
import type { TableSpec } from '../plan.ts'
import { timestampOf } from '../record.ts'
import type { KeyValueStore } from '../state/key-value-store.ts'
import { keyOf } from './key-of.ts'
import { type Emit, placeOf, type Stage, type StageContext } from './stage.ts'

/** The latest value of each key: what comes later replaces what was there, null deletes. As Kafka Streams' KTableSource, the last record counts, be it older or not. */
export class TableStage implements Stage {
  readonly process: Emit

  constructor(spec: TableSpec, store: KeyValueStore, next: Emit, context: StageContext) {
    const place = placeOf(context, spec.label)
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
