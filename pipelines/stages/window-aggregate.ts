import { operatorFailed } from '../failure.ts'
import type { Aggregation } from '../aggregations.ts'
import { type Origin, timestampOf } from '../record.ts'
import { type WindowStore, windowStore } from '../state/window-store.ts'
import { firstWindowStart, type TimeWindows } from '../windows.ts'
import { builtOf, type StagePlan } from '../stage-spec.ts'
import { aggregated } from './aggregated.ts'
import { combiner } from './combine.ts'
import { keyOf } from './key-of.ts'
import { type Emit, type OwnProgress, placeOf, type Progress, type Stage, type StageContext } from './stage.ts'
import { withoutTime } from './without-time.ts'

/** One value per key and window. */
export function aggregateWindows(aggregation: Aggregation, windows: TimeWindows): StagePlan {
  return (site) => {
    const { name, label, key, state, gives } = aggregated(site, aggregation, windows.kind)
    const store = windowStore(name, key, state)
    // Results that come with each record hold no time back.
    const holdsTime = windows.emit === 'close'
    return {
      spec: {
        label,
        stores: [store],
        holdsTime,
        build: ({ store: storeOf, next, context, input, output }) => {
          const moved = holdsTime ? output : undefined
          return builtOf(new WindowAggregateStage(label, aggregation, windows, storeOf(store), next(), context, input, moved))
        },
      },
      gives: [gives],
    }
  }
}

/**
 * One value per key and window. Whether a record is late is judged at the record, by the watermark that it finds; windows are
 * closed when the epoch completes. So neither depends on how records were cut into epochs.
 */
export class WindowAggregateStage implements Stage {
  readonly process: Emit
  readonly #windows: TimeWindows
  readonly #store: WindowStore
  readonly #next: Emit
  readonly #context: StageContext
  readonly #input: Progress
  readonly #output: OwnProgress | undefined

  /** @param output undefined when results are passed on with each record, and hold no time back */
  constructor(
    label: string,
    aggregation: Aggregation,
    windows: TimeWindows,
    store: WindowStore,
    next: Emit,
    context: StageContext,
    input: Progress,
    output: OwnProgress | undefined,
  ) {
    this.#windows = windows
    this.#store = store
    this.#next = next
    this.#context = context
    this.#input = input
    this.#output = output
    const place = placeOf(context, label)
    const combine = combiner(aggregation)
    const { sizeMs, advanceMs, graceMs, emit } = windows
    this.process = (item, origin) => {
      const time = timestampOf(item, origin)
      if (!(time >= 0)) throw operatorFailed(place, origin, withoutTime(time))
      // What starts here or before has closed.
      const closed = input.watermark - graceMs - sizeMs
      // The last of its windows starts at the multiple of the advance before it.
      if (time - (time % advanceMs) <= closed) {
        context.counters.late++
        return
      }
      const key = keyOf(item, origin, place)
      for (let start = firstWindowStart(time, windows); start <= time; start += advanceMs) {
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
        if (emit === 'update') next({ key, value, timestamp, window: { start, end: start + sizeMs } }, origin)
      }
    }
  }

  complete(ended: boolean): void {
    const { sizeMs, graceMs } = this.#windows
    const closed = ended ? Infinity : this.#input.watermark - graceMs - sizeMs
    for (const start of this.#store.startsUpTo(closed)) this.#close(start)
    this.seed()
  }

  reset(): void {}

  /** Results of windows that are still open will be no older than this. */
  seed(): void {
    if (this.#output === undefined) return
    this.#output.watermark = Math.max(this.#output.watermark, this.#input.watermark - this.#windows.graceMs)
  }

  #close(start: number): void {
    const window = { start, end: start + this.#windows.sizeMs }
    const timestamp = window.end - 1
    const origin: Origin = { ...this.#context.task, offset: -1, timestamp }
    for (const entry of this.#store.entriesOf(start)) {
      const { key, value } = entry
      this.#store.put(entry, undefined, entry.timestamp)
      if (this.#windows.emit === 'close') this.#next({ key, value, timestamp, window }, origin)
    }
  }
}
