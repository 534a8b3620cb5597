import { operatorFailed } from '../failure.ts'
import type { Aggregation } from '../aggregations.ts'
import type { AnySerde } from '../nodes.ts'
import { type Origin, timestampOf } from '../record.ts'
import { type Session, sessionSerde } from '../state/session-serde.ts'
import { type TimelineStore, timelineStore, type Waiting } from '../state/timeline-store.ts'
import type { SessionWindows } from '../windows.ts'
import { builtOf, type StagePlan } from '../stage-spec.ts'
import { aggregated } from './aggregated.ts'
import { combiner } from './combine.ts'
import { keyOf } from './key-of.ts'
import { type Emit, type OwnProgress, placeOf, type Progress, type Stage, type StageContext } from './stage.ts'
import { withoutTime } from './without-time.ts'

/** One value per key and session. */
export function aggregateSessions(aggregation: Aggregation, windows: SessionWindows): StagePlan {
  return (site) => {
    const { name, label, key, state, gives } = aggregated(site, aggregation, windows.kind)
    const store = timelineStore(name, key, sessionSerde(state) as AnySerde)
    // Results that come with each record hold no time back.
    const holdsTime = windows.emit === 'close'
    return {
      spec: {
        label,
        stores: [store],
        holdsTime,
        build: ({ store: storeOf, next, context, input, output }) => {
          const moved = holdsTime ? output : undefined
          return builtOf(new SessionAggregateStage(label, aggregation, windows, storeOf(store), next(), context, input, moved))
        },
      },
      gives: [gives],
    }
  }
}

/** One value per key and session, as Kafka Streams' KStreamSessionWindowAggregate: a record makes one of all sessions that it is near to. */
export class SessionAggregateStage implements Stage {
  readonly process: Emit
  readonly #windows: SessionWindows
  readonly #store: TimelineStore
  readonly #next: Emit
  readonly #context: StageContext
  readonly #input: Progress
  readonly #output: OwnProgress | undefined

  /** @param output undefined when results are passed on with each record, and hold no time back */
  constructor(
    label: string,
    aggregation: Aggregation,
    windows: SessionWindows,
    store: TimelineStore,
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
    const merge = aggregation.merge as (first: unknown, second: unknown) => unknown
    const { gapMs, emit } = windows
    this.process = (item, origin) => {
      const time = timestampOf(item, origin)
      if (!(time >= 0)) throw operatorFailed(place, origin, withoutTime(time))
      const key = keyOf(item, origin, place)
      const closed = this.#closed()
      const near = [...store.between(key, Math.max(time - gapMs, closed + 1), Infinity)].filter(
        (one) => sessionOf(one).start <= time + gapMs,
      )
      const start = Math.min(time, ...near.map((one) => sessionOf(one).start))
      const end = Math.max(time, ...near.map((one) => one.timestamp))
      if (end <= closed) {
        context.counters.late++
        return
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

  complete(ended: boolean): void {
    for (const { key, timestamp: end, value } of this.#store.takeUpTo(ended ? Infinity : this.#closed())) {
      if (this.#windows.emit === 'update') continue
      const session = value as Session
      this.#emit(key, session.value, session.start, end, { ...this.#context.task, offset: -1, timestamp: end })
    }
    this.seed()
  }

  reset(): void {}

  /** Sessions that are still open will end no earlier than this. */
  seed(): void {
    if (this.#output === undefined) return
    this.#output.watermark = Math.max(this.#output.watermark, this.#closed())
  }

  /** A session that ends here or before gets no more records. */
  #closed(): number {
    return this.#input.watermark - this.#windows.gapMs - this.#windows.graceMs - 1
  }

  #emit(key: unknown, value: unknown, start: number, end: number, origin: Origin): void {
    this.#next({ key, value, timestamp: end, window: { start, end } }, origin)
  }
}

function sessionOf(waiting: Waiting): Session {
  return waiting.value as Session
}
