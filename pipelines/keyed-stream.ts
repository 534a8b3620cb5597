import { type Aggregation, aggregation, counting, reduction } from './aggregations.ts'
import { aggregate } from './stages/aggregate.ts'
import { aggregateSessions } from './stages/session-aggregate.ts'
import { aggregateWindows } from './stages/window-aggregate.ts'
import type { StagePlan } from './stage-spec.ts'
import { Stream } from './stream.ts'
import type { Aggregated, AggregateOptions, StateOptions, WithSerde } from './stream-types.ts'
import type { Table } from './table.ts'
import { type Extend, SessionStream, WindowedStream } from './windowed-stream.ts'
import type { SessionWindows, TimeWindows } from './windows.ts'

/** A stream whose records are together with the others of their key: what aggregations need. */
export class KeyedStream<K, V, T> extends Stream<T> {
  /**
   * Cuts the event time of each key into windows: {@link tumbling}, {@link hopping}, or {@link session}s. Those that are given at every change
   * take back, with the value null, the sessions that have become one.
   */
  window(windows: TimeWindows): WindowedStream<K, V, T>
  window(windows: SessionWindows<'close'>): SessionStream<K, V, T, never>
  window(windows: SessionWindows): SessionStream<K, V, T, null>
  window(windows: TimeWindows | SessionWindows): WindowedStream<K, V, T> | SessionStream<K, V, T, null> {
    const extend =
      (planOf: (aggregation: Aggregation) => StagePlan): Extend =>
      (each) =>
        this.declaring.stream({ kind: 'stage', inputs: [this.node], plan: planOf(each) })
    if (windows.kind === 'session') return new SessionStream(extend((each) => aggregateSessions(each, windows)))
    return new WindowedStream(extend((each) => aggregateWindows(each, windows)))
  }

  /** One value per key over all time; each record gives the new one. */
  aggregate<A>(options: AggregateOptions<T, A> & WithSerde<A>): Table<K, A, Aggregated<K, A>> {
    return this.#aggregated(aggregation(options))
  }

  /** How many records each key has had. */
  count(options: StateOptions<number> = {}): Table<K, number, Aggregated<K, number>> {
    return this.#aggregated(counting(options))
  }

  /** Combines the values of a key; the first one is the beginning. */
  reduce(add: (value: V, next: V) => V, options: StateOptions<V> = {}): Table<K, V, Aggregated<K, V>> {
    return this.#aggregated(reduction(add, options))
  }

  #aggregated<A>(each: Aggregation): Table<K, A, Aggregated<K, A>> {
    return this.declaring.table({ kind: 'stage', inputs: [this.node], plan: aggregate(each) })
  }
}
