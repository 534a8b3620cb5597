import type { Aggregation } from './aggregations.ts'
import type { Declaring } from './flow.ts'
import type { KeyedStream } from './keyed-stream.ts'
import type { AnySerde, Node } from './nodes.ts'
import { aggregate } from './stages/aggregate.ts'
import { aggregateWindowed } from './stages/window-kinds.ts'
import type { Aggregated, CogroupOptions, Keyed, SameKey, SessionCogroupOptions, WithSerde } from './stream-types.ts'
import type { Table } from './table.ts'
import { WindowedResults } from './windowed-results.ts'
import type { SessionWindows } from './windows.ts'
import type { AnyWindows, PlainWindows } from './windows/any.ts'

/** A stream that adds to the common value, and how. */
export interface Contribution {
  readonly input: Node
  readonly add: (value: never, record: never) => unknown
}

/**
 * Several keyed streams that add to one value per key: one store and one pass, where a join of their aggregations would have a store each.
 *
 * @typeParam A the common value
 * @typeParam T the records of all of them
 */
export class CogroupedStream<K, A, T> {
  readonly #declaring: Declaring
  readonly #contributions: readonly Contribution[]
  readonly #nodeOf: (other: KeyedStream<never, never, never>) => Node

  /** Not for users: it comes from {@link KeyedStream.cogroup}. */
  constructor(declaring: Declaring, contributions: readonly Contribution[], nodeOf: (other: KeyedStream<never, never, never>) => Node) {
    this.#declaring = declaring
    this.#contributions = contributions
    this.#nodeOf = nodeOf
  }

  /**
   * One more stream that adds to the value. Its topics have as many partitions as those of the others. Kafka Streams' `CogroupedKStream.cogroup`.
   *
   * @param add as {@link AggregateOptions.add}
   * @throws PIPELINE_INVALID when it begins with another pipeline(name)
   */
  cogroup<K2, V, U>(other: KeyedStream<K2, V, U> & SameKey<K, K2>, add: (value: A, record: U) => A): CogroupedStream<K, A, T | U> {
    const contribution = { input: this.#nodeOf(other as unknown as KeyedStream<never, never, never>), add }
    return new CogroupedStream(this.#declaring, [...this.#contributions, contribution], this.#nodeOf)
  }

  /** One value per key over all time; each record of either stream gives the new one. */
  aggregate(options: CogroupOptions<A> & WithSerde<A>): Table<K, A, Aggregated<K, A>> {
    return this.#declaring.table({ kind: 'stage', inputs: this.#inputs, plan: aggregate(this.#aggregation(options)) })
  }

  /** Cuts event time into windows, as {@link KeyedStream.window} does. */
  window(windows: PlainWindows): CogroupedWindows<K, A, T, never>
  window(windows: SessionWindows<'close'>): CogroupedSessions<K, A, T, never>
  window(windows: SessionWindows): CogroupedSessions<K, A, T, null>
  window(windows: AnyWindows): CogroupedWindows<K, A, T, never> | CogroupedSessions<K, A, T, null> {
    return {
      aggregate: (options: CogroupOptions<A> & Partial<SessionCogroupOptions<A>>) => {
        const plan = aggregateWindowed(this.#aggregation(options), windows)
        return new WindowedResults(this.#declaring, { kind: 'stage', inputs: this.#inputs, plan })
      },
    } as CogroupedWindows<K, A, T, never> & CogroupedSessions<K, A, T, null>
  }

  get #inputs(): Node[] {
    return this.#contributions.map(({ input }) => input)
  }

  #aggregation({ name, state, init, merge }: CogroupOptions<A> & Partial<SessionCogroupOptions<A>>): Aggregation {
    const adds = this.#contributions.map(({ add }) => add)
    return { verb: 'cogroup', name, init, adds, merge, state: state as AnySerde | undefined }
  }
}

/** Streams that add to one value per key and window. */
export interface CogroupedWindows<K, A, T, Gone extends null> {
  aggregate(options: CogroupOptions<A> & WithSerde<A>): WindowedResults<K, A | Gone, Keyed<K, unknown> & T>
}

/** Streams that add to one value per key and session. */
export interface CogroupedSessions<K, A, T, Gone extends null> {
  aggregate(options: SessionCogroupOptions<A> & WithSerde<A>): WindowedResults<K, A | Gone, Keyed<K, unknown> & T>
}
