import type { OperatorFunction } from 'rxjs'
import type { Sink } from '../connectors/types.ts'
import { type DeclaredErrors, isOnError, type OnError } from './errors/on-error.ts'
import { differentNames, invalid } from './failure.ts'
import type { KeyedStream } from './keyed-stream.ts'
import type { AnySerde, AnyTopic, Node, Output, Routing, StageNode } from './nodes.ts'
import { type SafeOperator, specOf } from './operators/safe.ts'
import { tap } from './operators/tap.ts'
import type { AnyPartitioner } from './partitioning.ts'
import type { Pipeline } from './pipeline.ts'
import type { TopicRecord } from './record.ts'
import { branch } from './stages/branch.ts'
import { perEpoch } from './stages/per-epoch.ts'
import { keyBy, repartition, repartitionOf } from './stages/repartition.ts'
import { table } from './stages/table.ts'
import type { Stream } from './stream.ts'
import type { Keyed, KeyByOptions, RepartitionOptions, TableOptions, Taken, ToNamesOptions, ToOptions } from './stream-types.ts'
import type { Table } from './table.ts'

type Guard<T, U extends T> = (record: T) => record is U

/** What a predicate lets pass: less than `T` when it is a type guard. */
type Passing<T, P> = P extends Guard<T, infer U> ? U : T

/** The streams of a branch, by name. */
export type Branches<T, B> = { readonly [N in keyof B]: Stream<Passing<T, B[N]>> } & { readonly rest: Stream<T> }

/** Makes tables of different keys and values different types; there is no such value. */
export declare const tableOf: unique symbol

/** Makes streams of different records different types, and says of which; there is no such value. */
declare const recordsOf: unique symbol

/** A flow of whatever kind, as the compiler tells its records best. */
export interface FlowOf<T> {
  readonly [recordsOf]: T
}

/** A table of whatever changes, as the compiler tells its keys and values best. */
export interface TableOf<K, V> extends Flow<unknown> {
  readonly [tableOf]: (key: K) => V
}

/** What a declaration goes on with: given to each flow, since a class cannot import those that extend it. */
export interface Declaring {
  /** Of the pipeline. */
  readonly name: string
  readonly errors: DeclaredErrors
  /** What operators were told of errors. */
  readonly handlers: Map<Node, OnError>
  stream<T>(node: Node): Stream<T>
  table<K, V, T extends Keyed<K, V | null>>(node: Node): Table<K, V, T>
  keyed<K, V, T>(node: Node): KeyedStream<K, V, T>
}

/** What streams and tables have in common: records of type `T` that flow; declared, not running. */
export class Flow<T> {
  declare readonly [recordsOf]: T
  readonly #declaring: Declaring
  readonly #node: Node

  /** Not for users: streams come from {@link pipeline}. */
  constructor(declaring: Declaring, node: Node) {
    this.#declaring = declaring
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
    return this.#declaring.stream({ kind: 'pipe', input: this.#node, operators: operators.map(specOf) })
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
    return this.#declaring.stream({ kind: 'stage', inputs: [this.#node], plan: perEpoch(untyped) })
  }

  /**
   * Brings streams of one pipeline together; each keeps its own order. Kafka Streams' `merge`.
   *
   * @throws PIPELINE_INVALID when another one begins with another pipeline(name)
   */
  merge<U>(...others: readonly (Flow<unknown> & FlowOf<U>)[]): Stream<T | U> {
    const stranger = others.find((other) => other.#declaring.name !== this.#declaring.name)
    if (stranger !== undefined) throw differentNames('merge(…)', this.#declaring.name, stranger.#declaring.name)
    return this.#declaring.stream({ kind: 'merge', inputs: [this.#node, ...others.map((other) => other.#node)] })
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
    if ('rest' in predicates) throw invalid(this.#declaring.name, "branch: 'rest' is what no branch takes; give that branch another name")
    const input: StageNode = { kind: 'stage', inputs: [this.#node], plan: branch(Object.values(predicates)) }
    const names = [...Object.keys(predicates), 'rest']
    const streams = names.map((name, port) => [name, this.#declaring.stream({ kind: 'port', input, port })] as const)
    return Object.fromEntries(streams) as unknown as Branches<T, B>
  }

  /** Groups by the key that the records have: nothing moves. Only while the keys are still those of the topic; else {@link Flow.keyBy}. */
  groupByKey<K, V>(this: Flow<T> & FlowOf<Keyed<K, V>>): KeyedStream<K, V, T> {
    return this.#declaring.keyed({ kind: 'groupByKey', input: this.#node })
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
    return this.#declaring.keyed({ kind: 'repartition', input: this.#node, plan: keyBy(select, repartitionOf(options)) })
  }

  /**
   * Brings the records of each key together in other partitions, or in another number of them, through the topic
   * `<application>-<pipeline>-<name>-repartition`. The key stays; {@link Flow.keyBy} gives another one. Kafka Streams' `repartition`.
   *
   * ```ts
   * .repartition({ partitions: 12, name: 'wide' })
   * ```
   *
   * @throws PIPELINE_INVALID when an operator before may have changed keys or values, and no serde is given for them
   */
  repartition<K, V>(this: Flow<T> & FlowOf<Keyed<K, V>>, options: RepartitionOptions<K, V> = {}): KeyedStream<K, V, TopicRecord<K, V>> {
    return this.#declaring.keyed({ kind: 'repartition', input: this.#node, plan: repartition(repartitionOf(options)) })
  }

  /**
   * Ends the pipeline in a topic, in the one that a function chooses for each record, or in a sink of a connector.
   *
   * ```ts
   * orders.to(allOrders, { partitioner: (key, order, partitions) => order.region % partitions })
   * orders.to((r) => (r.value.total > 1000 ? bigOrders : smallOrders))
   * orders.to((r) => `orders-${r.value.country}`, { key: string, value: json<Order>() })
   * ```
   *
   * A topic that a function names is looked up when it first comes up; the pipeline must not read it. Kafka Streams' `to(TopicNameExtractor)`.
   *
   * @param output a topic that takes keys and values of these types; a sink that keeps its own position (HDFS) takes a topic's records,
   *   with at most `filter`, `map`, `mapValues` and `tap` in between
   * @param options the partitioner; and the serdes, where the function gives names
   */
  to<O extends AnyTopic | Sink | ((record: T) => AnyTopic)>(output: O & Taken<T, O>, options?: ToOptions<T>): Pipeline
  to<K, V>(this: Flow<T> & FlowOf<Keyed<K, V>>, choose: (record: T) => string, options: ToNamesOptions<K, V>): Pipeline
  to(given: object, options: object = {}): Pipeline {
    const output = given as AnyTopic | Sink | Routing['choose']
    const { partitioner, key, value } = options as { partitioner?: AnyPartitioner; key?: AnySerde; value?: AnySerde }
    return this.#end(typeof output === 'function' ? { kind: 'routing', choose: output, key, value } : output, partitioner)
  }

  /**
   * Ends the pipeline in a function that is called for each record; nothing is written. It is called again for records of an epoch that is run
   * again. Kafka Streams' `foreach`; its `peek` is the operator `tap`.
   *
   * @param act throwing fails the epoch with OPERATOR_FAILED naming the record
   */
  forEach(act: (record: T) => void): Pipeline {
    return this.pipe(tap(act)).#end({ kind: 'nowhere' }, undefined)
  }

  /**
   * The table of the latest value of each key, kept in a store with a changelog; null deletes. Kafka Streams' `toTable`. Only while the keys are
   * still those of the topic; else {@link Flow.keyBy} first.
   */
  toTable<K, V>(this: Flow<T> & FlowOf<Keyed<K, V>>, options: TableOptions<NonNullable<V>> = {}): Table<K, NonNullable<V>> {
    const { name, state } = options
    return this.#declaring.table({ kind: 'stage', inputs: [this.#node], plan: table({ name, state: state as AnySerde | undefined }) })
  }

  /**
   * What becomes of records for which the operator throws that this stream comes out of (all those of one `.pipe`), or that cannot be read from
   * its topic; of a stream after `keyBy`, those for which no key can be found. Beats what pipeline and run say.
   *
   * ```ts
   * orders.join(customers, enrich).onError('dead-letter').to(enriched)
   * ```
   */
  onError(onError: OnError): this {
    if (!isOnError(onError)) throw invalid(this.#declaring.name, `onError(…) takes 'fail', 'skip', 'dead-letter' or a function`)
    this.#declaring.handlers.set(this.#node, onError)
    return this
  }

  #end(output: Output, partitioner: AnyPartitioner | undefined): Pipeline {
    const { name, handlers } = this.#declaring
    const errors = { ...this.#declaring.errors, handlers }
    return { kind: 'pipeline', name, errors, ends: [{ input: this.#node, output, partitioner }] }
  }

  /** Not for users: what more is declared with. */
  protected get declaring(): Declaring {
    return this.#declaring
  }

  /** Not for users. */
  protected get node(): Node {
    return this.#node
  }

  /** Not for users: the nodes of two flows, for one that takes both. */
  protected withBoth(what: string, other: Flow<unknown>): readonly [Node, Node] {
    const [here, there] = [this.#declaring.name, other.#declaring.name]
    if (here !== there) throw differentNames(what, here, there)
    return [this.#node, other.#node]
  }
}
