import { operatorFailed, type Place } from '../failure.ts'
import type { Aggregation } from '../aggregations.ts'
import type { AnySerde } from '../nodes.ts'
import type { Origin } from '../record.ts'
import type { StagePlan } from '../stage-spec.ts'
import { type Slide, slideSerde } from '../state/session-serde.ts'
import { type Timed, TimeHeap } from '../state/time-heap.ts'
import { type TimelineStore, timelineStore, type Waiting } from '../state/timeline-store.ts'
import type { SlidingWindows } from '../windows/sliding.ts'
import { type Combine, combiners } from './combine.ts'
import { keyOf } from './key-of.ts'
import { type Emit, placeOf, type Stage } from './stage.ts'
import { aggregateIn, type WindowSite, windowTimeOf } from './windowed.ts'

/** One value per key and sliding window. */
export function aggregateSliding(aggregation: Aggregation, windows: SlidingWindows): StagePlan {
  return aggregateIn(
    aggregation,
    windows,
    (name, key, state) => timelineStore(name, key, slideSerde(state) as AnySerde),
    (site, store) => new SlidingAggregateStage(windows, store, site),
  )
}

/** Where a window is. */
interface Standing extends Timed {
  readonly key: unknown
}

/** The windows that are there before a record is added to them, as far as they matter to it. */
interface Around {
  /** The one that ends last of those that end before it. */
  left: Slide | undefined
  /** The one that begins last of those that it falls into. */
  right: Slide | undefined
  /** One ends with it; one begins behind it. */
  endsHere: boolean
  beginsBehind: boolean
  /** The time of the record before it. */
  previous: number | undefined
}

/**
 * One value per key and sliding window, as Kafka Streams' KStreamSlidingWindowAggregate: a record is added to the windows that it falls into, and
 * may make three new ones: that which ends with it, the one behind it, and the one behind the record before. What these have in them
 * already is what a neighbour has. So windows that have closed are kept for two more `difference`s, as far back as a record that is not late
 * looks, and still take records, in silence: they are the neighbours of open ones.
 */
export class SlidingAggregateStage implements Stage {
  readonly ports: readonly Emit[]
  readonly #windows: SlidingWindows
  readonly #store: TimelineStore
  readonly #site: WindowSite
  /** Where the windows are that are still to be given, by their ends; undefined: to be found in the store. */
  #open: TimeHeap<Standing> | undefined

  constructor(windows: SlidingWindows, store: TimelineStore, site: WindowSite) {
    this.#windows = windows
    this.#store = store
    this.#site = site
    this.#open = undefined
    const place = placeOf(site.context, site.label)
    this.ports = combiners(site.aggregation).map((combine) => this.#taking(combine, place))
  }

  complete(ended: boolean): void {
    const closed = ended ? Infinity : this.#closed()
    this.#giveClosed(closed)
    const kept = this.#store.takeUpTo(closed - 2 * this.#windows.differenceMs - 1)
    while (kept.next().done !== true);
    this.seed()
  }

  reset(): void {
    this.#open = undefined
  }

  /** Windows that are still open will end no earlier than this. */
  seed(): void {
    const { output } = this.#site
    if (output !== undefined) output.watermark = Math.max(output.watermark, this.#closed())
  }

  #taking(combine: Combine, place: Place): Emit {
    const { context, late } = this.#site
    const { differenceMs } = this.#windows
    return (item, origin) => {
      const time = windowTimeOf(item, origin, place)
      const closed = this.#closed()
      this.#giveClosed(closed)
      if (time + differenceMs < closed) {
        context.counters.late++
        return late(item, origin)
      }
      const add = (value: unknown): unknown => {
        try {
          return combine(value, item)
        } catch (error) {
          throw operatorFailed(place, origin, error)
        }
      }
      this.#add(keyOf(item, origin, place), time, closed, add, origin)
    }
  }

  #add(key: unknown, time: number, closed: number, add: (value: unknown) => unknown, origin: Origin): void {
    const { differenceMs } = this.#windows
    const near = [...this.#store.between(key, time - differenceMs, time + 1 + differenceMs)]
    const around = this.#addToThose(near, time, closed, add, origin)
    if (around === undefined) return
    const { left, right, endsHere, beginsBehind, previous } = around
    const create = (end: number, slide: Slide): void => this.#create(key, end, slide, closed, origin)
    const endBehindPrevious = previous === undefined ? -1 : previous + 1 + differenceMs
    // One that ends with the record is its own.
    if (endBehindPrevious > time && !near.some((window) => window.timestamp === endBehindPrevious)) {
      create(endBehindPrevious, { newest: time, value: add(undefined) })
    }
    if (!endsHere) {
      const before = previous !== undefined && time - differenceMs <= previous ? left!.value : undefined
      create(time, { newest: time, value: add(before) })
    }
    if (!beginsBehind && right !== undefined && right.newest > time) create(time + 1 + differenceMs, right)
  }

  /** Adds a record to the windows that it falls into, the youngest first; undefined: one of its time was there, so all its windows are. */
  #addToThose(
    near: readonly Waiting[],
    time: number,
    closed: number,
    add: (value: unknown) => unknown,
    origin: Origin,
  ): Around | undefined {
    const around: Around = { left: undefined, right: undefined, endsHere: false, beginsBehind: false, previous: undefined }
    for (let i = near.length - 1; i >= 0; i--) {
      const window = near[i]!
      const { timestamp: end } = window
      const slide = window.value as Slide
      if (end - this.#windows.differenceMs > time) {
        around.beginsBehind = true
      } else if (end > time) {
        around.right ??= slide
        this.#change(window, add(slide.value), Math.max(slide.newest, time), closed, origin)
      } else if (end === time) {
        around.endsHere = true
        this.#change(window, add(slide.value), time, closed, origin)
        if (slide.newest === time) return undefined
        around.previous = slide.newest
      } else {
        around.left = slide
        around.previous ??= slide.newest
        return around
      }
    }
    return around
  }

  #change(window: Waiting, value: unknown, newest: number, closed: number, origin: Origin): void {
    this.#store.put(window, { newest, value } satisfies Slide)
    if (this.#windows.emit === 'update' && window.timestamp >= closed) this.#emit(window, newest, origin)
  }

  #create(key: unknown, end: number, slide: Slide, closed: number, origin: Origin): void {
    const silent = end < closed
    const window = this.#store.add(key, end, slide, silent)
    if (silent) return
    if (this.#windows.emit === 'update') this.#emit(window, slide.newest, origin)
    else this.#open?.add({ key, timestamp: end, seq: window.seq })
  }

  /** What ends before this is closed. */
  #closed(): number {
    return this.#site.input.watermark - this.#windows.graceMs
  }

  /** Gives what has closed, before anything is added to it. */
  #giveClosed(closed: number): void {
    if (this.#windows.emit === 'update') return
    const open = (this.#open ??= this.#ungiven())
    for (let place = open.least; place !== undefined && place.timestamp < closed; place = open.least) {
      open.drop()
      const { key, timestamp: end } = place
      const [window] = this.#store.between(key, end, end)
      if (window === undefined || window.matched) continue
      this.#store.match(window)
      this.#emit(window, end, { ...this.#site.context.task, offset: -1, timestamp: end })
    }
  }

  #ungiven(): TimeHeap<Standing> {
    const heap = new TimeHeap<Standing>()
    for (const { key, timestamp, seq, matched } of this.#store.waiting()) if (!matched) heap.add({ key, timestamp, seq })
    return heap
  }

  #emit({ key, timestamp: end, value }: Waiting, timestamp: number, origin: Origin): void {
    const window = { start: end - this.#windows.differenceMs, end }
    this.#site.next({ key, value: (value as Slide).value, timestamp, window }, origin)
  }
}
