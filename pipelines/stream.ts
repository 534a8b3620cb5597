import { differentNames } from './failure.ts'
import { type Declaring, Flow, type FlowOf, type TableOf } from './flow.ts'
import { GlobalTable, type GlobalTableOf } from './global-table.ts'
import type { StageNode } from './nodes.ts'
import type { WithValue } from './operators/map-values.ts'
import { joinName, type Joiner, type JoinKind } from './stages/joiner.ts'
import type { Processor, ProcessorDeclaration, SuppliedWith } from './processor.ts'
import { lookup } from './stages/lookup.ts'
import { lookupGlobal, type Select } from './stages/lookup-global.ts'
import { processor } from './stages/process.ts'
import { declaredProcessor } from './stages/processor-code.ts'
import { joinStreams, OTHER_LATE_PORT } from './stages/stream-join.ts'
import { LATE_PORT } from './stages/windowed.ts'
import type { StoreDeclarations } from './state/declared/store-declaration.ts'
import type { AnyGlobal, Joined, Keyed, KeyIn, KeyOrJoiner, SameKey, StreamJoinOptions, ValueOf, WindowsOrJoiner } from './stream-types.ts'
import type { JoinWindows } from './windows.ts'

/** What a join with a global table gives, or with a stream. */
export type JoinedBy<T, O, R, G> = O extends AnyGlobal ? Stream<WithValue<T, G>> : JoinedStream<KeyIn<T>, R, T, ValueOf<O>>

/** A stream of records of type `T`: each stands for itself. */
export class Stream<T> extends Flow<T> {
  /**
   * With a table: each record with what the table has for its key at that moment; records whose key the table does not have are dropped. The
   * result has key and time of the record. Kafka Streams' `KStream.join(KTable)`.
   *
   * With a stream: each pair of records of the same key that are near enough in time, once, when the second of them comes; the result has the
   * later time. Kafka Streams' `KStream.join(KStream, …, JoinWindows)`.
   *
   * With a global table: each record with what the table has at that moment for the key that `select` works out of the record; records for which
   * it gives null or a key that the table does not have are dropped. Kafka Streams' `KStream.join(GlobalKTable)`.
   *
   * ```ts
   * orders.join(customers, (order, customer) => ({ ...order, city: customer.city }))
   * orders.join(payments, (order, payment) => ({ ...order, paid: payment.amount }), within('1h', { grace: '5m' }))
   * orders.join(countries, (r) => r.value.country, (order, country) => ({ ...order, tax: country.tax }))
   * ```
   *
   * @param joiner throwing fails the epoch with OPERATOR_FAILED naming the record
   * @throws PIPELINE_INVALID when the keys of a stream may not be those of its topic any more: keyBy(…) first
   */
  join<K, V, K2, U, R>(
    this: Stream<T> & FlowOf<Keyed<K, V>>,
    table: TableOf<K2, U>,
    joiner: ((value: V, tableValue: U, key: K) => R) & SameKey<K, K2>,
  ): Stream<WithValue<T, R>>
  join<K, V, O extends (Flow<unknown> & FlowOf<Keyed<unknown, unknown>>) | GlobalTableOf<never, unknown>, R, G>(
    this: Stream<T> & FlowOf<Keyed<K, V>>,
    other: O,
    joiner: KeyOrJoiner<T, O, never, R>,
    windows: WindowsOrJoiner<T, O, never, G>,
    options?: StreamJoinOptions<V, ValueOf<O>>,
  ): JoinedBy<T, O, R, G>
  join(other: object, ...by: readonly unknown[]): unknown {
    return this.#joined('inner', other, by)
  }

  /** As {@link Stream.join}, with null where the table does not have the key, or the other stream has no record that is near enough. */
  leftJoin<K, V, K2, U, R>(
    this: Stream<T> & FlowOf<Keyed<K, V>>,
    table: TableOf<K2, U>,
    joiner: ((value: V, tableValue: U | null, key: K) => R) & SameKey<K, K2>,
  ): Stream<WithValue<T, R>>
  leftJoin<K, V, O extends (Flow<unknown> & FlowOf<Keyed<unknown, unknown>>) | GlobalTableOf<never, unknown>, R, G>(
    this: Stream<T> & FlowOf<Keyed<K, V>>,
    other: O,
    joiner: KeyOrJoiner<T, O, null, R>,
    windows: WindowsOrJoiner<T, O, null, G>,
    options?: StreamJoinOptions<V, ValueOf<O>>,
  ): JoinedBy<T, O, R, G>
  leftJoin(other: object, ...by: readonly unknown[]): unknown {
    return this.#joined('left', other, by)
  }

  /** As {@link Stream.join} with a stream, and each record of either stream alone, with null for the other, when it has found none. */
  outerJoin<K, V, K2, U, R>(
    this: Stream<T> & FlowOf<Keyed<K, V>>,
    other: Flow<unknown> & FlowOf<Keyed<K2, U>> & SameKey<K, K2>,
    joiner: (value: V | null, otherValue: U | null, key: K) => R,
    windows: JoinWindows,
    options?: StreamJoinOptions<V, U>,
  ): JoinedStream<K, R, T, U>
  outerJoin(other: object, ...by: readonly unknown[]): unknown {
    return this.#joined('outer', other, by)
  }

  process<R, S extends StoreDeclarations = Record<never, never>>(supplier: () => Processor<T, R, S>, ...options: SuppliedWith<S>): Stream<R>
  process<S extends StoreDeclarations = Record<never, never>, R = never, P = never>(
    declaration: ProcessorDeclaration<T, S, R, P>,
  ): Stream<R | P>
  /**
   * Whatever the operators do not do: a function that is called with one record after the other, with stores of its own and timers. Kafka
   * Streams' `KStream.process`.
   *
   * ```ts
   * orders.process({
   *   stores: { open: keyValue({ value: json<Order>() }) },
   *   process: (order, { stores }) => void stores.open.put(order.key, order.value),
   *   punctuate: { every: '1m', run: (time, { stores }) => stores.open.entries().map(([key, value]) => ({ key, value })) },
   * })
   * ```
   *
   * State is in its stores, nowhere else: they are durable with the epoch, and undone with it. It runs in the task of its record, and sees there
   * what is of the same partition. A processor that is a class is given by a function that makes one: `process(() => new Alarms(), { stores })`.
   *
   * @throws PIPELINE_INVALID when an interval is none, or the serde of the keys of a store is not known
   */
  process(given: object, options: object = {}): Stream<never> {
    return this.#processed(given, options, false)
  }

  processValues<K, V, R, S extends StoreDeclarations = Record<never, never>>(
    this: Stream<T> & FlowOf<Keyed<K, V>>,
    supplier: () => Processor<T, R, S>,
    ...options: SuppliedWith<S>
  ): Stream<WithValue<T, R>>
  processValues<K, V, S extends StoreDeclarations = Record<never, never>, R = never>(
    this: Stream<T> & FlowOf<Keyed<K, V>>,
    declaration: ProcessorDeclaration<T, S, R, never>,
  ): Stream<WithValue<T, R>>
  /**
   * As {@link Stream.process}, but what it gives are values: each goes on with the key, the time and the headers of the record that it is made
   * from, so `groupByKey` is still possible after it. Its timers keep the stores in order, and give nothing. Kafka Streams' `KStream.processValues`.
   */
  processValues(given: object, options: object = {}): Stream<never> {
    return this.#processed(given, options, true)
  }

  #processed(given: object, options: object, keepsKeys: boolean): Stream<never> {
    const plan = processor(declaredProcessor(this.declaring.name, given, options), keepsKeys)
    return this.declaring.stream({ kind: 'stage', inputs: [this.node], plan })
  }

  #joined(how: JoinKind, other: object, by: readonly unknown[]): unknown {
    if (other instanceof GlobalTable) {
      const [select, joiner] = by as [Select, Joiner]
      if (other.pipeline !== this.declaring.name) throw differentNames(`${joinName(how)}(…)`, this.declaring.name, other.pipeline)
      const plan = lookupGlobal(how as 'inner' | 'left', other.topic, select, joiner)
      return this.declaring.stream({ kind: 'stage', inputs: [this.node], plan })
    }
    const [joiner, windows, options = {}] = by as [Joiner, JoinWindows?, StreamJoinOptions<never, never>?]
    const inputs = this.withBoth(`${joinName(how)}(…)`, other as Flow<unknown>)
    if (windows === undefined) {
      return this.declaring.stream({ kind: 'stage', inputs, plan: lookup(how as 'inner' | 'left', joiner) })
    }
    const { name, state, otherState } = options
    const plan = joinStreams({ how, joiner, windows }, { name, states: [state, otherState] })
    return new JoinedStream(this.declaring, { kind: 'stage', inputs, plan })
  }
}

/**
 * The pairs of two streams.
 *
 * @typeParam T the records of the stream
 * @typeParam U the values of the other one
 */
export class JoinedStream<K, R, T, U> extends Stream<Joined<K, R>> {
  readonly #join: StageNode

  /** Not for users: it comes from {@link Stream.join}. */
  constructor(declaring: Declaring, join: StageNode) {
    super(declaring, join)
    this.#join = join
  }

  /** The records of the stream that came when event time had passed all that they may be joined with; the metric `late` counts them anyway. */
  get late(): Stream<T> {
    return this.declaring.stream({ kind: 'port', input: this.#join, port: LATE_PORT })
  }

  /** The same of the other stream. */
  get otherLate(): Stream<Keyed<K, U>> {
    return this.declaring.stream({ kind: 'port', input: this.#join, port: OTHER_LATE_PORT })
  }
}
