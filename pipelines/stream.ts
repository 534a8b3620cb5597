import type { OperatorFunction } from 'rxjs'
import type { Sink, Source } from '../connectors/types.ts'
import { invalid } from './failure.ts'
import type { AggregateNode, AnyTopic, BranchNode, End, Node, Output } from './nodes.ts'
import { type SafeOperator, specOf } from './operators/safe.ts'
import type { TopicRecord } from './record.ts'
import type { Serde } from '../core/serde/serde.ts'
import type { Aggregated, AggregateOptions, Keyed, KeyByOptions, StateOptions, Taken, Windowed, WithSerde } from './stream-types.ts'
import { checkName, type Topic } from './topic.ts'
import type { TumblingWindows } from './windows.ts'

type Aggregation = Omit<AggregateNode, 'input'>

type Guard<T, U extends T> = (record: T) => record is U

/** What a predicate lets pass: less than `T` when it is a type guard. */
type Passing<T, P> = P extends Guard<T, infer U> ? U : T

/** The streams of a branch, by name. */
export type Branches<T, B> = { readonly [N in keyof B]: Stream<Passing<T, B[N]>> } & { readonly rest: Stream<T> }

/** A declared pipeline, ready to be run. It holds no connection and may be run many times. */
export interface Pipeline {
  readonly kind: 'pipeline'
  readonly name: string
  readonly ends: readonly End[]
}

/** Whether a value, e.g. an export of a module, is a declared pipeline. */
export function isPipeline(value: unknown): value is Pipeline {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'pipeline' && 'ends' in value
}

/**
 * One pipeline of several ends: what they have in common is read and run once, and everything is committed together.
 *
 * ```ts
 * const { big, rest } = pipeline('orders').from(orders).branch({ big: (r) => r.value.total > 1000 })
 * export const sorted = together(big.to(bigOrders), rest.to(otherOrders))
 * ```
 *
 * @throws PIPELINE_INVALID when they do not begin with the same pipeline(name)
 */
export function together(first: Pipeline, ...others: readonly Pipeline[]): Pipeline {
  const stranger = others.find(({ name }) => name !== first.name)
  if (stranger !== undefined) throw differentNames('together(…)', first.name, stranger.name)
  return { kind: 'pipeline', name: first.name, ends: [first, ...others].flatMap(({ ends }) => ends) }
}

function differentNames(what: string, name: string, other: string): Error {
  return invalid(name, `${what} takes streams of one pipeline, not of "${other}" too: begin them with the same pipeline(name)`)
}

/** Makes streams of different records different types, and says of which; there is no such value. */
declare const recordsOf: unique symbol

/** A stream of whatever kind, as the compiler tells its records best. */
interface StreamOf<T> {
  readonly [recordsOf]: T
}

/** A stream of records of type `T`: declared, not running. */
export class Stream<T> {
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
   * `mapAsync` of moldau/pipelines). More than six: call it again, neighbours are fused anyway. Other RxJS operators: {@link Stream.perEpoch}.
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
  merge<U>(...others: readonly (Stream<unknown> & StreamOf<U>)[]): Stream<T | U> {
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

  /** Groups by the key that the records have: nothing moves. Only while the keys are still those of the topic; else {@link Stream.keyBy}. */
  groupByKey<K, V>(this: Stream<T> & Stream<Keyed<K, V>>): KeyedStream<K, V, T> {
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
    this: Stream<T> & Stream<Keyed<unknown, V>>,
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

  /** Not for users: the stream of an aggregation of this one. */
  protected aggregated<R>(node: Aggregation): Stream<R> {
    return new Stream(this.#name, { ...node, input: this.#node })
  }
}

/** A stream whose records are together with the others of their key: what aggregations need. */
export class KeyedStream<K, V, T> extends Stream<T> {
  /** Cuts the event time of each key into windows. */
  window(windows: TumblingWindows): WindowedStream<K, V, T> {
    return new WindowedStream((node) => this.aggregated({ ...node, windows }))
  }

  /** One value per key over all time; each record gives the new one. */
  aggregate<A>(options: AggregateOptions<T, A> & WithSerde<A>): Stream<Aggregated<K, A>> {
    return this.aggregated(aggregateNode('aggregate', options))
  }

  /** How many records each key has had. */
  count(options: StateOptions<number> = {}): Stream<Aggregated<K, number>> {
    return this.aggregated(countNode(options))
  }

  /** Combines the values of a key; the first one is the beginning. */
  reduce(add: (value: V, next: V) => V, options: StateOptions<V> = {}): Stream<Aggregated<K, V>> {
    return this.aggregated(reduceNode(add, options))
  }
}

/** A keyed stream, cut into windows. */
export class WindowedStream<K, V, T> {
  readonly #extend: (node: Aggregation) => Stream<never>

  constructor(extend: (node: Aggregation) => Stream<never>) {
    this.#extend = extend
  }

  /** One value per key and window. */
  aggregate<A>(options: AggregateOptions<T, A> & WithSerde<A>): Stream<Windowed<K, A>> {
    return this.#extend(aggregateNode('aggregate', options)) as Stream<Windowed<K, A>>
  }

  /** How many records each key has in each window. */
  count(options: StateOptions<number> = {}): Stream<Windowed<K, number>> {
    return this.#extend(countNode(options)) as Stream<Windowed<K, number>>
  }

  /** Combines the values of a key in each window; the first one is the beginning. */
  reduce(add: (value: V, next: V) => V, options: StateOptions<V> = {}): Stream<Windowed<K, V>> {
    return this.#extend(reduceNode(add, options)) as Stream<Windowed<K, V>>
  }
}

function aggregateNode<T, A>(verb: string, options: AggregateOptions<T, A>): Aggregation {
  return { ...stateNode(verb, options), init: options.init, add: options.add }
}

function countNode(options: StateOptions<number>): Aggregation {
  return { ...stateNode('count', options), init: () => 0, add: (count: number) => count + 1 }
}

function reduceNode<V>(add: (value: V, next: V) => V, options: StateOptions<V>): Aggregation {
  return { ...stateNode('reduce', options), init: undefined, add: (value: V, record: Keyed<unknown, V>) => add(value, record.value) }
}

function stateNode<A>(verb: string, { name, state }: StateOptions<A>): Omit<Aggregation, 'init' | 'add'> {
  return { kind: 'aggregate', verb, name, windows: undefined, state: state as Serde<unknown> | undefined }
}

/** The beginning of a declaration: where the records come from. */
export interface PipelineStart {
  /** Records of a topic; of several with the same types and the same number of partitions. */
  from<K, V>(topic: Topic<K, V>, ...more: readonly Topic<K, V>[]): Stream<TopicRecord<K, V>>
  /** Records of a source outside Kafka; its position is committed together with what is made of them. */
  from<T>(source: Source<T>): Stream<T>
}

/**
 * Begins the declaration of a pipeline.
 *
 * ```ts
 * export const delays = pipeline('delays')
 *   .from(flights)
 *   .pipe(filter((r) => r.value.delay > 15))
 *   .groupByKey()
 *   .window(tumbling('1h', { grace: '10m', emit: 'close' }))
 *   .count()
 *   .to(hourly)
 * ```
 *
 * @param name becomes part of the names of its consumer group, stores and topics: do not change it while state is to be kept
 * @throws PIPELINE_INVALID when the name cannot be part of a topic's name
 */
export function pipeline(name: string): PipelineStart {
  checkName('pipeline', name)
  return {
    from(...inputs: readonly unknown[]): Stream<never> {
      const topics = inputs.filter((input): input is AnyTopic => (input as AnyTopic | undefined)?.kind === 'topic')
      if (topics.length === inputs.length) return new Stream(name, { kind: 'from', topics, source: undefined })
      if (inputs.length > 1) throw invalid(name, 'from(…) takes one source, or topics of one type; not a mixture')
      return new Stream(name, { kind: 'from', topics: [], source: inputs[0] as Source<unknown> })
    },
  }
}
