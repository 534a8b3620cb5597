import type { OperatorFunction } from 'rxjs'
import type { Sink } from '../connectors/types.ts'
import type { Serde } from '../core/serde/serde.ts'
import { differentNames, invalid } from './failure.ts'
import { aggregateNode, countNode, reduceNode } from './aggregations.ts'
import type { AnySerde, AnyTopic, BranchNode, Joiner, JoinKind, Node, Output } from './nodes.ts'
import type { WithValue } from './operators/map-values.ts'
import { type SafeOperator, specOf } from './operators/safe.ts'
import type { Pipeline } from './pipeline.ts'
import type { TopicRecord } from './record.ts'
import type {
  Aggregated,
  AggregateOptions,
  Change,
  Joined,
  Keyed,
  KeyByOptions,
  SameKey,
  StateOptions,
  StreamJoinOptions,
  TableOptions,
  Taken,
  WithSerde,
} from './stream-types.ts'
import { type Extend, SessionStream, WindowedStream } from './windowed-stream.ts'
import type { JoinWindows, SessionWindows, TimeWindows } from './windows.ts'

type LooseJoinOptions = StreamJoinOptions<never, never>

type Guard<T, U extends T> = (record: T) => record is U

/** What a predicate lets pass: less than `T` when it is a type guard. */
type Passing<T, P> = P extends Guard<T, infer U> ? U : T

/** The streams of a branch, by name. */
export type Branches<T, B> = { readonly [N in keyof B]: Stream<Passing<T, B[N]>> } & { readonly rest: Stream<T> }

/** Makes tables of different keys and values different types; there is no such value. */
declare const tableOf: unique symbol

/** Makes streams of different records different types, and says of which; there is no such value. */
declare const recordsOf: unique symbol

/** A flow of whatever kind, as the compiler tells its records best. */
interface FlowOf<T> {
  readonly [recordsOf]: T
}

/** A table of whatever changes, as the compiler tells its keys and values best. */
interface TableOf<K, V> extends Flow<unknown> {
  readonly [tableOf]: (key: K) => V
}

/** What streams and tables have in common: records of type `T` that flow; declared, not running. */
export class Flow<T> {
  declare readonly [recordsOf]: T
  readonly #name: string
  readonly #node: Node

  /** Not for users: streams come from {@link pipeline}. */
  constructor(name: string, node: Node) {
    this.#name = name
    this.#node = node
  }

  pipe<A>(a: SafeOperator<T, A>): Stream<A>
  pipe<A, B>(a: SafeOperator<T, A>, b: SafeOperator<A, B>): Stream<B>
  pipe<A, B, C>(a: SafeOperator<T, A>, b: SafeOperator<A, B>, c: SafeOperator<B, C>): Stream<C>
  pipe<A, B, C, D>(a: SafeOperator<T, A>, b: SafeOperator<A, B>, c: SafeOperator<B, C>, d: SafeOperator<C, D>): Stream<D>
  pipe<A, B, C, D, E>(
    a: SafeOperator<T, A>,
    b: SafeOperator<A, B>,
    c: SafeOperator<B, C>,
    d: SafeOperator<C, D>,
    e: SafeOperator<D, E>,
  ): Stream<E>
  pipe<A, B, C, D, E, F>(
    a: SafeOperator<T, A>,
    b: SafeOperator<A, B>,
    c: SafeOperator<B, C>,
    d: SafeOperator<C, D>,
    e: SafeOperator<D, E>,
    f: SafeOperator<E, F>,
  ): Stream<F>
  /**
   * Passes the records through operators that are safe across epochs (`map`, `filter`, `mapValues`, `flatMap`, `tap`, `concatMap`,
   * `mapAsync` of moldau/pipelines). More than six: call it again, neighbours are fused anyway. Other RxJS operators: {@link Flow.perEpoch}.
   */
  pipe(...operators: readonly unknown[]): Stream<unknown> {
    return new Stream(this.#name, { kind: 'pipe', input: this.#node, operators: operators.map(specOf) })
  }

  perEpoch<A>(a: OperatorFunction<T, A>): Stream<A>
  perEpoch<A, B>(a: OperatorFunction<T, A>, b: OperatorFunction<A, B>): Stream<B>
  perEpoch<A, B, C>(a: OperatorFunction<T, A>, b: OperatorFunction<A, B>, c: OperatorFunction<B, C>): Stream<C>
  perEpoch<A, B, C, D>(
    a: OperatorFunction<T, A>,
    b: OperatorFunction<A, B>,
    c: OperatorFunction<B, C>,
    d: OperatorFunction<C, D>,
  ): Stream<D>
  perEpoch<A, B, C, D, E>(
    a: OperatorFunction<T, A>,
    b: OperatorFunction<A, B>,
    c: OperatorFunction<B, C>,
    d: OperatorFunction<C, D>,
    e: OperatorFunction<D, E>,
  ): Stream<E>
  /**
   * Passes the records of each epoch through any RxJS operators: they see one finite Observable per epoch that completes before the
   * commit. `toArray` and `bufferCount` mean a batch of this epoch; `scan`, `distinct`, `pairwise` begin anew at each epoch, at a boundary
   * that nobody sees. What stops listening early (`take`, `first`), subscribes again (`repeat`), or does not complete is stopped with
   * OPERATOR_UNSAFE, and nothing is committed.
   */
  perEpoch(...operators: readonly OperatorFunction<never, unknown>[]): Stream<unknown> {
    const untyped = operators as readonly OperatorFunction<unknown, unknown>[]
    return new Stream(this.#name, { kind: 'perEpoch', input: this.#node, operators: untyped })
  }

  /**
   * Brings streams of one pipeline together; each keeps its own order. Kafka Streams' `merge`.
   *
   * @throws PIPELINE_INVALID when another one begins with another pipeline(name)
   */
  merge<U>(...others: readonly (Flow<unknown> & FlowOf<U>)[]): Stream<T | U> {
    const stranger = others.find((other) => other.#name !== this.#name)
    if (stranger !== undefined) throw differentNames('merge(…)', this.#name, stranger.#name)
    return new Stream(this.#name, { kind: 'merge', inputs: [this.#node, ...others.map((other) => other.#node)] })
  }

  /**
   * Splits the stream: each record goes to the first branch whose predicate takes it, and to `rest` when none does. A branch that leads to
   * no `to(…)` drops its records. Kafka Streams' `split().branch(…)`.
   *
   * ```ts
   * const { late, early, rest } = flights.branch({ late: (r) => r.value.delay > 15, early: (r) => r.value.delay < -5 })
   * ```
   *
   * @param predicates in the order in which they are asked; a type guard gives its branch the narrower type
   * @throws PIPELINE_INVALID when a branch is called `rest`
   */
  branch<B extends Readonly<Record<string, (record: T) => boolean>>>(predicates: B): Branches<T, B> {
    if ('rest' in predicates) throw invalid(this.#name, "branch: 'rest' is what no branch takes; give that branch another name")
    const branch: BranchNode = { kind: 'branch', input: this.#node, predicates: Object.values(predicates) }
    const names = [...Object.keys(predicates), 'rest']
    const streams = names.map((name, port) => [name, new Stream(this.#name, { kind: 'branchOutput', input: branch, port })] as const)
    return Object.fromEntries(streams) as unknown as Branches<T, B>
  }

  /** Groups by the key that the records have: nothing moves. Only while the keys are still those of the topic; else {@link Flow.keyBy}. */
  groupByKey<K, V>(this: Flow<T> & FlowOf<Keyed<K, V>>): KeyedStream<K, V, T> {
    return new KeyedStream(this.#name, { kind: 'groupByKey', input: this.#node })
  }

  /**
   * Gives the records another key and brings those of one key together: through the topic `<application>-<pipeline>-<name>-repartition`,
   * exactly once, with watermarks, so that a slow task's records do not come late.
   *
   * ```ts
   * .keyBy((r) => r.value.carrier, { key: string })
   * ```
   */
  keyBy<K, V>(
    this: Flow<T> & FlowOf<Keyed<unknown, V>>,
    select: (record: T) => K,
    options: KeyByOptions<K, V>,
  ): KeyedStream<K, V, TopicRecord<K, V>> {
    const { key, value, name, partitions } = options
    const valueSerde = value as Serde<unknown> | undefined
    return new KeyedStream(this.#name, { kind: 'keyBy', input: this.#node, select, key, value: valueSerde, name, partitions })
  }

  /**
   * Ends the pipeline in a topic, or in a sink of a connector.
   *
   * @param output a topic that takes keys and values of these types; a sink that keeps its own position (HDFS) takes a topic's records,
   *   with at most `filter`, `map`, `mapValues` and `tap` in between
   */
  to<O extends AnyTopic | Sink>(output: O & Taken<T, O>): Pipeline {
    return { kind: 'pipeline', name: this.#name, ends: [{ input: this.#node, output: output as Output }] }
  }

  /**
   * The table of the latest value of each key, kept in a store with a changelog; null deletes. Kafka Streams' `toTable`. Only while the keys are
   * still those of the topic; else {@link Flow.keyBy} first.
   */
  toTable<K, V>(this: Flow<T> & FlowOf<Keyed<K, V>>, options: TableOptions<NonNullable<V>> = {}): Table<K, NonNullable<V>> {
    const { name, state } = options
    return new Table(this.#name, { kind: 'table', input: this.#node, name, state: state as AnySerde | undefined })
  }

  /** Not for users: the declaration with one node more. */
  protected with(make: (input: Node) => Node): [name: string, node: Node] {
    return [this.#name, make(this.#node)]
  }

  /** Not for users: the declaration of two flows, with a node that takes both. */
  protected withBoth(what: string, other: Flow<unknown>, make: (inputs: readonly [Node, Node]) => Node): [name: string, node: Node] {
    if (other.#name !== this.#name) throw differentNames(what, this.#name, other.#name)
    return [this.#name, make([this.#node, other.#node])]
  }
}

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
    const what = how === 'inner' ? 'join(…)' : `${how}Join(…)`
    if (windows === undefined && how !== 'outer') {
      return new Stream(...this.withBoth(what, other, (inputs) => ({ kind: 'lookup', inputs, how, joiner })))
    }
    const { name, state, otherState } = options
    const states = [state, otherState] as const
    return new Stream(
      ...this.withBoth(what, other, (inputs) => ({ kind: 'streamJoin', inputs, how, joiner, windows: windows!, name, states })),
    )
  }
}

/**
 * The latest value of each key, and the stream of its changes: it can be piped, branched, grouped and written like any stream. A change whose
 * value is null says that the key is gone; a topic takes it with `nullable(serde)`.
 */
export class Table<K, V, T extends Keyed<K, V | null> = Change<K, V>> extends Flow<T> {
  declare readonly [tableOf]: (key: K) => V

  /** The table with other values. Kafka Streams' `KTable.mapValues`. */
  mapValues<R>(apply: (value: V, key: K) => R): Table<K, R> {
    return new Table(...this.with((input) => ({ kind: 'tableMap', input, apply })))
  }

  /** The keys whose value the predicate takes; one that no longer fits is deleted. Kafka Streams' `KTable.filter`. */
  filter(predicate: (value: V, key: K) => boolean): Table<K, V> {
    return new Table(...this.with((input) => ({ kind: 'tableFilter', input, apply: predicate })))
  }

  /** The keys that both tables have; a change of either changes the result. Kafka Streams' `KTable.join`. */
  join<K2, U, R>(other: TableOf<K2, U> & SameKey<K, K2>, joiner: (value: V, otherValue: U, key: K) => R): Table<K, R> {
    return new Table(...this.withBoth('join(…)', other, (inputs) => ({ kind: 'tableJoin', inputs, how: 'inner', joiner })))
  }

  /** Every key of this table, with null where the other one does not have it. Kafka Streams' `KTable.leftJoin`. */
  leftJoin<K2, U, R>(other: TableOf<K2, U> & SameKey<K, K2>, joiner: (value: V, otherValue: U | null, key: K) => R): Table<K, R> {
    return new Table(...this.withBoth('leftJoin(…)', other, (inputs) => ({ kind: 'tableJoin', inputs, how: 'left', joiner })))
  }

  /** Every key of either table, with null where one does not have it. Kafka Streams' `KTable.outerJoin`. */
  outerJoin<K2, U, R>(other: TableOf<K2, U> & SameKey<K, K2>, joiner: (value: V | null, otherValue: U | null, key: K) => R): Table<K, R> {
    return new Table(...this.withBoth('outerJoin(…)', other, (inputs) => ({ kind: 'tableJoin', inputs, how: 'outer', joiner })))
  }
}

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
    const extend: Extend = (node) => new Stream(...this.with((input) => ({ ...node, windows, input })))
    return windows.kind === 'session' ? new SessionStream(extend) : new WindowedStream(extend)
  }

  /** One value per key over all time; each record gives the new one. */
  aggregate<A>(options: AggregateOptions<T, A> & WithSerde<A>): Table<K, A, Aggregated<K, A>> {
    return new Table(...this.with((input) => ({ ...aggregateNode(options), input })))
  }

  /** How many records each key has had. */
  count(options: StateOptions<number> = {}): Table<K, number, Aggregated<K, number>> {
    return new Table(...this.with((input) => ({ ...countNode(options), input })))
  }

  /** Combines the values of a key; the first one is the beginning. */
  reduce(add: (value: V, next: V) => V, options: StateOptions<V> = {}): Table<K, V, Aggregated<K, V>> {
    return new Table(...this.with((input) => ({ ...reduceNode(add, options), input })))
  }
}
