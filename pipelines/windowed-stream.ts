import { type Aggregation, aggregation, counting, reduction } from './aggregations.ts'
import type { Stream } from './stream.ts'
import type { AggregateOptions, SessionAggregateOptions, StateOptions, Windowed, WithSerde } from './stream-types.ts'

/** Makes the stream of an aggregation. */
export type Extend = (aggregation: Aggregation) => Stream<never>

/** A keyed stream, cut into windows. */
export class WindowedStream<K, V, T> {
  readonly #extend: Extend

  constructor(extend: Extend) {
    this.#extend = extend
  }

  /** One value per key and window. */
  aggregate<A>(options: AggregateOptions<T, A> & WithSerde<A>): Stream<Windowed<K, A>> {
    return this.#extend(aggregation(options)) as Stream<Windowed<K, A>>
  }

  /** How many records each key has in each window. */
  count(options: StateOptions<number> = {}): Stream<Windowed<K, number>> {
    return this.#extend(counting(options)) as Stream<Windowed<K, number>>
  }

  /** Combines the values of a key in each window; the first one is the beginning. */
  reduce(add: (value: V, next: V) => V, options: StateOptions<V> = {}): Stream<Windowed<K, V>> {
    return this.#extend(reduction(add, options)) as Stream<Windowed<K, V>>
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
  aggregate<A>(options: SessionAggregateOptions<T, A> & WithSerde<A>): Stream<Windowed<K, A | Gone>> {
    return this.#extend(aggregation(options, options.merge)) as Stream<Windowed<K, A | Gone>>
  }

  /** How many records each key has in each session. */
  count(options: StateOptions<number> = {}): Stream<Windowed<K, number | Gone>> {
    return this.#extend(counting(options)) as Stream<Windowed<K, number | Gone>>
  }

  /** Combines the values of a key in each session; it also combines sessions that become one, the older one first. */
  reduce(add: (value: V, next: V) => V, options: StateOptions<V> = {}): Stream<Windowed<K, V | Gone>> {
    return this.#extend(reduction(add, options)) as Stream<Windowed<K, V | Gone>>
  }
}
