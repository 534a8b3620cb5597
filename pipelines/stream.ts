import { Flow, type FlowOf, type TableOf } from './flow.ts'
import type { WithValue } from './operators/map-values.ts'
import { joinName, type Joiner, type JoinKind } from './stages/joiner.ts'
import { lookup } from './stages/lookup.ts'
import { joinStreams } from './stages/stream-join.ts'
import type { Joined, Keyed, SameKey, StreamJoinOptions } from './stream-types.ts'
import type { JoinWindows } from './windows.ts'

type LooseJoinOptions = StreamJoinOptions<never, never>

/** A stream of records of type `T`: each stands for itself. */
export class Stream<T> extends Flow<T> {
  /**
   * With a table: each record with what the table has for its key at that moment; records whose key the table does not have are dropped. The
   * result has key and time of the record. Kafka Streams' `KStream.join(KTable)`.
   *
   * With a stream: each pair of records of the same key that are near enough in time, once, when the second of them comes; the result has the
   * later time. Kafka Streams' `KStream.join(KStream, …, JoinWindows)`.
   *
   * ```ts
   * orders.join(customers, (order, customer) => ({ ...order, city: customer.city }))
   * orders.join(payments, (order, payment) => ({ ...order, paid: payment.amount }), within('1h', { grace: '5m' }))
   * ```
   *
   * @param joiner throwing fails the epoch with OPERATOR_FAILED naming the record
   * @throws PIPELINE_INVALID when the keys of a stream may not be those of its topic any more: keyBy(…) first
   */
  join<K, V, K2, U, R>(
    this: Stream<T> & FlowOf<Keyed<K, V>>,
    table: TableOf<K2, U> & SameKey<K, K2>,
    joiner: (value: V, tableValue: U, key: K) => R,
  ): Stream<WithValue<T, R>>
  join<K, V, K2, U, R>(
    this: Stream<T> & FlowOf<Keyed<K, V>>,
    other: Flow<unknown> & FlowOf<Keyed<K2, U>> & SameKey<K, K2>,
    joiner: (value: V, otherValue: U, key: K) => R,
    windows: JoinWindows,
    options?: StreamJoinOptions<V, U>,
  ): Stream<Joined<K, R>>
  join(other: Flow<unknown>, joiner: Joiner, windows?: JoinWindows, options?: LooseJoinOptions): Stream<unknown> {
    return this.#joined('inner', other, joiner, windows, options)
  }

  /** As {@link Stream.join}, with null where the table does not have the key, or the other stream has no record that is near enough. */
  leftJoin<K, V, K2, U, R>(
    this: Stream<T> & FlowOf<Keyed<K, V>>,
    table: TableOf<K2, U> & SameKey<K, K2>,
    joiner: (value: V, tableValue: U | null, key: K) => R,
  ): Stream<WithValue<T, R>>
  leftJoin<K, V, K2, U, R>(
    this: Stream<T> & FlowOf<Keyed<K, V>>,
    other: Flow<unknown> & FlowOf<Keyed<K2, U>> & SameKey<K, K2>,
    joiner: (value: V, otherValue: U | null, key: K) => R,
    windows: JoinWindows,
    options?: StreamJoinOptions<V, U>,
  ): Stream<Joined<K, R>>
  leftJoin(other: Flow<unknown>, joiner: Joiner, windows?: JoinWindows, options?: LooseJoinOptions): Stream<unknown> {
    return this.#joined('left', other, joiner, windows, options)
  }

  /** As {@link Stream.join} with a stream, and each record of either stream alone, with null for the other, when it has found none. */
  outerJoin<K, V, K2, U, R>(
    this: Stream<T> & FlowOf<Keyed<K, V>>,
    other: Flow<unknown> & FlowOf<Keyed<K2, U>> & SameKey<K, K2>,
    joiner: (value: V | null, otherValue: U | null, key: K) => R,
    windows: JoinWindows,
    options?: StreamJoinOptions<V, U>,
  ): Stream<Joined<K, R>>
  outerJoin(other: Flow<unknown>, joiner: Joiner, windows: JoinWindows, options?: LooseJoinOptions): Stream<unknown> {
    return this.#joined('outer', other, joiner, windows, options)
  }

  #joined(
    how: JoinKind,
    other: Flow<unknown>,
    joiner: Joiner,
    windows: JoinWindows | undefined,
    options: LooseJoinOptions = {},
  ): Stream<unknown> {
    const inputs = this.withBoth(`${joinName(how)}(…)`, other)
    if (windows === undefined && how !== 'outer') {
      return this.declaring.stream({ kind: 'stage', inputs, plan: lookup(how, joiner) })
    }
    const { name, state, otherState } = options
    const plan = joinStreams({ how, joiner, windows: windows! }, { name, states: [state, otherState] })
    return this.declaring.stream({ kind: 'stage', inputs, plan })
  }
}
