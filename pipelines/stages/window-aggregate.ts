import { operatorFailed, type Place } from '../failure.ts'
import type { Aggregation } from '../aggregations.ts'
import type { Origin } from '../record.ts'
import type { StagePlan } from '../stage-spec.ts'
import { type WindowStore, windowStore } from '../state/window-store.ts'
import { type FixedWindows, type Places, placesOf } from '../windows/places.ts'
import { type Combine, combiners } from './combine.ts'
import { keyOf } from './key-of.ts'
import { type Emit, placeOf, type Stage } from './stage.ts'
import { aggregateIn, type WindowSite, windowTimeOf } from './windowed.ts'

/** One value per key and window. */
export function aggregateWindows(aggregation: Aggregation, windows: FixedWindows): StagePlan {
  return aggregateIn(aggregation, windows, windowStore, (site, store) => new WindowAggregateStage(windows, store, site))
}

/**
 * One value per key and window. Whether a record is late is judged at the record, by the watermark that it finds; windows are
 * closed when the epoch completes. So neither depends on how records were cut into epochs.
 */
export class WindowAggregateStage implements Stage {
  readonly ports: readonly Emit[]
  readonly #windows: FixedWindows
  readonly #places: Places
  readonly #store: WindowStore
  readonly #site: WindowSite

  constructor(windows: FixedWindows, store: WindowStore, site: WindowSite) {
    this.#windows = windows
    this.#places = placesOf(windows)
    this.#store = store
    this.#site = site
    const place = placeOf(site.context, site.label)
    this.ports = combiners(site.aggregation).map((combine) => this.#taking(combine, place))
  }

  complete(ended: boolean): void {
    const { input } = this.#site
    const closed = ended ? Infinity : this.#places.endedBy(input.watermark - this.#windows.graceMs)
    for (const start of this.#store.startsUpTo(closed)) this.#close(start)
    this.seed()
  }

  reset(): void {}

  /** Results of windows that are still open will be no older than this. */
  seed(): void {
    const { input, output } = this.#site
    if (output !== undefined) output.watermark = Math.max(output.watermark, input.watermark - this.#windows.graceMs)
  }

  #taking(combine: Combine, place: Place): Emit {
    const places = this.#places
    const store = this.#store
    const { context, input, next, late } = this.#site
    const { graceMs, emit } = this.#windows
    return (item, origin) => {
      const time = windowTimeOf(item, origin, place)
      // What starts here or before has closed.
      const closed = places.endedBy(input.watermark - graceMs)
      if (places.last(time) <= closed) {
        context.counters.late++
        return late(item, origin)
      }
      const key = keyOf(item, origin, place)
      for (let start = places.first(time); start <= time; start = places.next(start)) {
        if (start <= closed) continue
        const entry = store.entry(start, key)
        let value: unknown
        try {
          value = combine(entry.value, item)
        } catch (error) {
          throw operatorFailed(place, origin, error)
        }
        const timestamp = Math.max(entry.timestamp, time)
        store.put(entry, value, timestamp)
        if (emit === 'update') next({ key, value, timestamp, window: { start, end: places.end(start) } }, origin)
      }
    }
  }

  #close(start: number): void {
    const { context, next, output } = this.#site
    const window = { start, end: this.#places.end(start) }
    const timestamp = window.end - 1
    const origin: Origin = { ...context.task, offset: -1, timestamp }
    // Window by window, so that timers behind find the same order whether few windows close in an epoch or many.
    if (output !== undefined) output.watermark = Math.max(output.watermark, timestamp)
    for (const entry of this.#store.entriesOf(start)) {
      const { key, value } = entry
      this.#store.put(entry, undefined, entry.timestamp)
      if (this.#windows.emit === 'close') next({ key, value, timestamp, window }, origin)
    }
  }
}
