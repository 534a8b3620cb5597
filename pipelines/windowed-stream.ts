import { type Aggregation, aggregation, counting, reduction } from './aggregations.ts'
import type { AggregateOptions, SessionAggregateOptions, StateOptions, WithSerde } from './stream-types.ts'
import type { WindowedResults } from './windowed-results.ts'

/** Makes the results of an aggregation. */
export type Extend = (aggregation: Aggregation) => WindowedResults<never, never, never>

/** A keyed stream, cut into windows. */
export class WindowedStream<K, V, T> {
  readonly #extend: Extend

  constructor(extend: Extend) {
    this.#extend = extend
  }

  /** One value per key and window. */
  aggregate<A>(options: AggregateOptions<T, A> & WithSerde<A>): WindowedResults<K, A, T> {
    return this.#extend(aggregation(options)) as WindowedResults<K, A, T>
  }

  /** How many records each key has in each window. */
  count(options: StateOptions<number> = {}): WindowedResults<K, number, T> {
    return this.#extend(counting(options)) as WindowedResults<K, number, T>
  }

  /** Combines the values of a key in each window; the first one is the beginning. */
  reduce(add: (value: V, next: V) => V, options: StateOptions<V> = {}): WindowedResults<K, V, T> {
    return this.#extend(reduction(add, options)) as WindowedResults<K, V, T>
  }
}

/**
 * A keyed stream, cut into sessions.
 *
 * @typeParam Gone null when sessions are given at every change: what has become part of another one is taken back
 */
export class SessionStream<K, V, T, Gone extends null> {
  readonly #extend: Extend

  constructor(extend: Extend) {
    this.#extend = extend
  }

  /** One value per key and session. */
  aggregate<A>(options: SessionAggregateOptions<T, A> & WithSerde<A>): WindowedResults<K, A | Gone, T> {
    return this.#extend(aggregation(options, options.merge)) as WindowedResults<K, A | Gone, T>
  }

  /** How many records each key has in each session. */
  count(options: StateOptions<number> = {}): WindowedResults<K, number | Gone, T> {
    return this.#extend(counting(options)) as WindowedResults<K, number | Gone, T>
  }

  /** Combines the values of a key in each session; it also combines sessions that become one, the older one first. */
  reduce(add: (value: V, next: V) => V, options: StateOptions<V> = {}): WindowedResults<K, V | Gone, T> {
    return this.#extend(reduction(add, options)) as WindowedResults<K, V | Gone, T>
  }
}
