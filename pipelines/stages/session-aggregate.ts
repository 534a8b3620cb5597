import { operatorFailed, type Place } from '../failure.ts'
import type { Aggregation } from '../aggregations.ts'
import type { AnySerde } from '../nodes.ts'
import type { Origin } from '../record.ts'
import type { StagePlan } from '../stage-spec.ts'
import { type Session, sessionSerde } from '../state/session-serde.ts'
import { type TimelineStore, timelineStore, type Waiting } from '../state/timeline-store.ts'
import type { SessionWindows } from '../windows.ts'
import { type Combine, combiners } from './combine.ts'
import { keyOf } from './key-of.ts'
import { type Emit, placeOf, type Stage } from './stage.ts'
import { aggregateIn, type WindowSite, windowTimeOf } from './windowed.ts'

/** One value per key and session. */
export function aggregateSessions(aggregation: Aggregation, windows: SessionWindows): StagePlan {
  return aggregateIn(
    aggregation,
    windows,
    (name, key, state) => timelineStore(name, key, sessionSerde(state) as AnySerde),
    (site, store) => new SessionAggregateStage(windows, store, site),
  )
}

/** One value per key and session, as Kafka Streams' KStreamSessionWindowAggregate: a record makes one of all sessions that it is near to. */
export class SessionAggregateStage implements Stage {
  readonly ports: readonly Emit[]
  readonly #windows: SessionWindows
  readonly #store: TimelineStore
  readonly #site: WindowSite

  constructor(windows: SessionWindows, store: TimelineStore, site: WindowSite) {
    this.#windows = windows
    this.#store = store
    this.#site = site
    const place = placeOf(site.context, site.label)
    this.ports = combiners(site.aggregation).map((combine) => this.#taking(combine, place))
  }

  complete(ended: boolean): void {
    const { context, output } = this.#site
    for (const { key, timestamp: end, value } of this.#store.takeUpTo(ended ? Infinity : this.#closed())) {
      if (this.#windows.emit === 'update') continue
      const session = value as Session
      // As windows do: timers behind find the same order whatever the epoch.
      if (output !== undefined) output.watermark = Math.max(output.watermark, end)
      this.#emit(key, session.value, session.start, end, { ...context.task, offset: -1, timestamp: end })
    }
    this.seed()
  }

  reset(): void {}

  /** Sessions that are still open will end no earlier than this. */
  seed(): void {
    const { output } = this.#site
    if (output !== undefined) output.watermark = Math.max(output.watermark, this.#closed())
  }

  #taking(combine: Combine, place: Place): Emit {
    const store = this.#store
    const { context, aggregation, late } = this.#site
    const { gapMs, emit } = this.#windows
    const merge = aggregation.merge as (first: unknown, second: unknown) => unknown
    return (item, origin) => {
      const time = windowTimeOf(item, origin, place)
      const key = keyOf(item, origin, place)
      const closed = this.#closed()
      const near = [...store.between(key, Math.max(time - gapMs, closed + 1), Infinity)].filter(
        (one) => sessionOf(one).start <= time + gapMs,
      )
      const start = Math.min(time, ...near.map((one) => sessionOf(one).start))
      const end = Math.max(time, ...near.map((one) => one.timestamp))
      if (end <= closed) {
        context.counters.late++
        return late(item, origin)
      }
      let value: unknown
      try {
        for (const one of near) value = value === undefined ? sessionOf(one).value : merge(value, sessionOf(one).value)
        value = combine(value, item)
      } catch (error) {
        throw operatorFailed(place, origin, error)
      }
      for (const one of near) {
        store.take(one)
        const before = sessionOf(one).start
        if (emit === 'update' && (before !== start || one.timestamp !== end)) this.#emit(key, null, before, one.timestamp, origin)
      }
      store.add(key, end, { start, value } satisfies Session, false)
      if (emit === 'update') this.#emit(key, value, start, end, origin)
    }
  }

  /** A session that ends here or before gets no more records. */
  #closed(): number {
    return this.#site.input.watermark - this.#windows.gapMs - this.#windows.graceMs - 1
  }

  #emit(key: unknown, value: unknown, start: number, end: number, origin: Origin): void {
    this.#site.next({ key, value, timestamp: end, window: { start, end } }, origin)
  }
}

function sessionOf(waiting: Waiting): Session {
  return waiting.value as Session
}
