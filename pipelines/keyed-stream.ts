import { type Aggregation, aggregation, counting, reduction } from './aggregations.ts'
import { CogroupedStream } from './cogrouped-stream.ts'
import { aggregate } from './stages/aggregate.ts'
import { aggregateWindowed } from './stages/window-kinds.ts'
import { Stream } from './stream.ts'
import type { Aggregated, AggregateOptions, StateOptions, WithSerde } from './stream-types.ts'
import type { Table } from './table.ts'
import { WindowedResults } from './windowed-results.ts'
import { type Extend, SessionStream, WindowedStream } from './windowed-stream.ts'
import type { SessionWindows } from './windows.ts'
import type { AnyWindows, PlainWindows } from './windows/any.ts'

/** A stream whose records are together with the others of their key: what aggregations need. */
export class KeyedStream<K, V, T> extends Stream<T> {
  /**
   * Cuts the event time of each key into windows: {@link tumbling}, {@link hopping}, {@link sliding}, {@link calendar}, {@link session}s, or its
   * records by their number: {@link countWindow}. Sessions that are given at every change take back, with the value null, those that have
   * become one.
   */
  window(windows: PlainWindows): WindowedStream<K, V, T>
  window(windows: SessionWindows<'close'>): SessionStream<K, V, T, never>
  window(windows: SessionWindows): SessionStream<K, V, T, null>
  window(windows: AnyWindows): WindowedStream<K, V, T> | SessionStream<K, V, T, null> {
    const extend: Extend = (each) =>
      new WindowedResults(this.declaring, { kind: 'stage', inputs: [this.node], plan: aggregateWindowed(each, windows) })
    return windows.kind === 'session' ? new SessionStream(extend) : new WindowedStream(extend)
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

  /**
   * Begins a value to which other keyed streams add too: {@link CogroupedStream.cogroup}. Kafka Streams' `KGroupedStream.cogroup`.
   *
   * ```ts
   * const seen = { init: () => ({ clicks: 0, orders: 0 }) }
   * clicks.groupByKey().cogroup((v: Visitor, _click) => ({ ...v, clicks: v.clicks + 1 }))
   *   .cogroup(orders.groupByKey(), (v, _order) => ({ ...v, orders: v.orders + 1 }))
   *   .aggregate(seen)
   * ```
   */
  cogroup<A>(add: (value: A, record: T) => A): CogroupedStream<K, A, T> {
    const nodeOf = (other: KeyedStream<never, never, never>) => this.withBoth('cogroup(…)', other)[1]
    return new CogroupedStream(this.declaring, [{ input: this.node, add }], nodeOf)
  }

  #aggregated<A>(each: Aggregation): Table<K, A, Aggregated<K, A>> {
    return this.declaring.table({ kind: 'stage', inputs: [this.node], plan: aggregate(each) })
  }
}
