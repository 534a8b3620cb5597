import { aggregateNode, countNode, reduceNode } from './aggregations.ts'
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
    const extend: Extend = (node) => this.declaring.stream({ ...node, windows, input: this.node })
    return windows.kind === 'session' ? new SessionStream(extend) : new WindowedStream(extend)
  }

  /** One value per key over all time; each record gives the new one. */
  aggregate<A>(options: AggregateOptions<T, A> & WithSerde<A>): Table<K, A, Aggregated<K, A>> {
    return this.declaring.table({ ...aggregateNode(options), input: this.node })
  }

  /** How many records each key has had. */
  count(options: StateOptions<number> = {}): Table<K, number, Aggregated<K, number>> {
    return this.declaring.table({ ...countNode(options), input: this.node })
  }

  /** Combines the values of a key; the first one is the beginning. */
  reduce(add: (value: V, next: V) => V, options: StateOptions<V> = {}): Table<K, V, Aggregated<K, V>> {
    return this.declaring.table({ ...reduceNode(add, options), input: this.node })
  }
}
