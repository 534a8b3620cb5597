import { operatorFailed, type Place } from '../failure.ts'
import type { Aggregation } from '../aggregations.ts'
import type { AnySerde } from '../nodes.ts'
import { timestampOf } from '../record.ts'
import type { StagePlan } from '../stage-spec.ts'
import { type Counted, countedSerde, type CountWindow } from '../state/count-serde.ts'
import { type KeyValueStore, keyValueStore } from '../state/key-value-store.ts'
import type { CountWindows } from '../windows/count.ts'
import { type Combine, combiners } from './combine.ts'
import { keyOf } from './key-of.ts'
import { type Emit, placeOf, type Stage } from './stage.ts'
import { aggregateIn, type WindowSite } from './windowed.ts'

/** One value per key and so many records. */
export function aggregateCounted(aggregation: Aggregation, windows: CountWindows): StagePlan {
  return aggregateIn(
    aggregation,
    // A result comes with the record that fills its window.
    { ...windows, holdsTime: false },
    (name, key, state) => keyValueStore(name, key, countedSerde(state) as AnySerde),
    (site, store) => new CountAggregateStage(windows, store, site),
  )
}

const none: Counted = { count: 0, open: [] }

/** One value per key and so many records: nothing depends on their times. */
export class CountAggregateStage implements Stage {
  readonly ports: readonly Emit[]
  readonly #windows: CountWindows
  readonly #store: KeyValueStore
  readonly #site: WindowSite

  constructor(windows: CountWindows, store: KeyValueStore, site: WindowSite) {
    this.#windows = windows
    this.#store = store
    this.#site = site
    const place = placeOf(site.context, site.label)
    this.ports = combiners(site.aggregation).map((combine) => this.#taking(combine, place))
  }

  complete(): void {}

  reset(): void {}

  seed(): void {}

  #taking(combine: Combine, place: Place): Emit {
    const store = this.#store
    const { next } = this.#site
    const { emit } = this.#windows
    return (item, origin) => {
      const time = timestampOf(item, origin)
      const key = keyOf(item, origin, place)
      const entry = store.entry(key)
      const { count, open: before } = (entry.value as Counted | undefined) ?? none
      const all = [...before, ...this.#beginning(count, time)]
      let changed: CountWindow[]
      try {
        changed = all.map(({ last, start, end, value }) => {
          return { last, start: Math.min(start, time), end: Math.max(end, time), value: combine(value, item) }
        })
      } catch (error) {
        throw operatorFailed(place, origin, error)
      }
      const open = changed.filter(({ last }) => last > count + 1)
      // As long as none is open the key is as one that was never there.
      store.put(entry, open.length === 0 ? undefined : { count: count + 1, open }, Math.max(entry.timestamp, time))
      for (const { last, start, end, value } of changed) {
        if (emit === 'close' && last > count + 1) break
        next({ key, value, timestamp: end, window: { start, end } }, origin)
      }
    }
  }

  /** The windows whose first record comes behind so many. */
  *#beginning(count: number, time: number): Generator<CountWindow> {
    const { size, advance } = this.#windows
    const first = count === 0 ? advance : Math.ceil((count + size) / advance) * advance
    for (let last = first; last <= count + size; last += advance) yield { last, start: time, end: time, value: undefined }
  }
}
