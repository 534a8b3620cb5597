import type { OperatorFunction } from 'rxjs'
import type { Sink, Source } from '../connectors/types.ts'
import { invalid } from './failure.ts'
import type { AggregateNode, AnyTopic, Node, Output } from './nodes.ts'
import { type SafeOperator, specOf } from './operators/safe.ts'
import type { TopicRecord } from './record.ts'
import type { Serde } from '../core/serde/serde.ts'
import { checkName, type Topic } from './topic.ts'
import type { TumblingWindows, Window } from './windows.ts'

/** A declared pipeline, ready to be run. It holds no connection and may be run many times. */
export interface Pipeline {
  readonly kind: 'pipeline'
  readonly name: string
  readonly nodes: readonly Node[]
  readonly output: Output
}

/** Whether a value, e.g. an export of a module, is a declared pipeline. */
export function isPipeline(value: unknown): value is Pipeline {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'pipeline' && 'nodes' in value
}

/** Records with a key, as grouping needs them. */
export interface Keyed<K, V> {
  readonly key: K
  readonly value: V
}

/** What an aggregation over all time gives: the new value of a key, with the time of its newest record. */
export interface Aggregated<K, A> extends Keyed<K, A> {
  readonly timestamp: number
}

/** What an aggregation over windows gives. On close its time is the last millisecond of the window. */
export interface Windowed<K, A> extends Aggregated<K, A> {
  readonly window: Window
}

export interface KeyByOptions<K, V> {
  /** Serde of the new key. */
  key: Serde<K>
  /** Serde of the value; needed when an operator before has changed the values of the topic. */
  value?: Serde<V>
  /** Names the repartition topic, so that it stays the same when the declaration changes. */
  name?: string
  /** Partitions of the repartition topic; default: as many as the input has. */
  partitions?: number
}

export interface StateOptions<A> {
  /** Serde of the state in the changelog; default: JSON. */
  state?: Serde<A>
  /** Names store and changelog, so that they stay the same when the declaration changes. */
  name?: string
}

export interface AggregateOptions<T, A> extends StateOptions<A> {
  /** The value of a key before its first record. */
  init: () => A
  /** Returns the value after this record: a new one. Changing the old one in place would defeat the rollback of a failed epoch. */
  add: (value: A, record: T) => A
}

/** Whether JSON gives back what it was given: no Map, Date, bigint, Buffer, function anywhere in it. */
type IsJson<A> = A extends string | number | boolean | null
  ? true
  : A extends readonly (infer E)[]
    ? IsJson<E>
    : A extends
          | bigint
          | symbol
          | undefined
          | Uint8Array
          | Date
          | ReadonlyMap<unknown, unknown>
          | ReadonlySet<unknown>
          | ((...args: never) => unknown)
      ? false
      : { [K in keyof A]-?: IsJson<Exclude<A[K], undefined>> }[keyof A] extends true
        ? true
        : false

/** State that JSON would change needs a serde of its own. */
type WithSerde<A> = [IsJson<A>] extends [true] ? unknown : { state: Serde<A> }

/** `unknown` when the output takes the records, else a type whose text is the message. */
type Taken<T, O> =
  O extends Topic<infer K, infer V>
    ? T extends Keyed<infer TK, infer TV>
      ? [TK] extends [K]
        ? [TV] extends [V]
          ? unknown
          : { 'this topic takes another value type': { 'the pipeline has': TV; 'the topic takes': V } }
        : { 'this topic takes another key type': { 'the pipeline has': TK; 'the topic takes': K } }
      : { 'a topic takes records with key and value': { 'the pipeline has': T } }
    : unknown

/** A stream of records of type `T`: declared, not running. */
export class Stream<T> {
  /** Makes streams of different records different types; has no value. */
  declare protected readonly records: T
  readonly #name: string
  readonly #nodes: readonly Node[]

  /** Not for users: streams come from {@link pipeline}. */
  constructor(name: string, nodes: readonly Node[]) {
    this.#name = name
    this.#nodes = nodes
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
    return new Stream(this.#name, [...this.#nodes, { kind: 'pipe', operators: operators.map(specOf) }])
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
    return new Stream(this.#name, [...this.#nodes, { kind: 'perEpoch', operators: untyped }])
  }

  /** Groups by the key that the records have: nothing moves. Only while the keys are still those of the topic; else {@link Stream.keyBy}. */
  groupByKey<K, V>(this: Stream<T> & Stream<Keyed<K, V>>): KeyedStream<K, V, T> {
    return new KeyedStream(this.#name, [...this.#nodes, { kind: 'groupByKey' }])
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
    return new KeyedStream(this.#name, [
      ...this.#nodes,
      { kind: 'keyBy', select, key, value: value as Serde<unknown> | undefined, name, partitions },
    ])
  }

  /**
   * Ends the pipeline in a topic, or in a sink of a connector.
   *
   * @param output a topic that takes keys and values of these types; a sink that keeps its own position (HDFS) takes a topic's records,
   *   with at most `filter`, `map`, `mapValues` and `tap` in between
   */
  to<O extends AnyTopic | Sink>(output: O & Taken<T, O>): Pipeline {
    return { kind: 'pipeline', name: this.#name, nodes: this.#nodes, output: output as Output }
  }

  /** Not for users: the declaration so far, for the streams that follow. */
  protected extend(node: Node): readonly [string, readonly Node[]] {
    return [this.#name, [...this.#nodes, node]]
  }
}

/** A stream whose records are together with the others of their key: what aggregations need. */
export class KeyedStream<K, V, T> extends Stream<T> {
  /** Cuts the event time of each key into windows. */
  window(windows: TumblingWindows): WindowedStream<K, V, T> {
    return new WindowedStream((node) => new Stream(...this.extend({ ...node, windows })))
  }

  /** One value per key over all time; each record gives the new one. */
  aggregate<A>(options: AggregateOptions<T, A> & WithSerde<A>): Stream<Aggregated<K, A>> {
    return new Stream(...this.extend(aggregateNode('aggregate', options)))
  }

  /** How many records each key has had. */
  count(options: StateOptions<number> = {}): Stream<Aggregated<K, number>> {
    return new Stream(...this.extend(countNode(options)))
  }

  /** Combines the values of a key; the first one is the beginning. */
  reduce(add: (value: V, next: V) => V, options: StateOptions<V> = {}): Stream<Aggregated<K, V>> {
    return new Stream(...this.extend(reduceNode(add, options)))
  }
}

/** A keyed stream, cut into windows. */
export class WindowedStream<K, V, T> {
  readonly #extend: (node: AggregateNode) => Stream<never>

  constructor(extend: (node: AggregateNode) => Stream<never>) {
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

function aggregateNode<T, A>(verb: string, options: AggregateOptions<T, A>): AggregateNode {
  return { ...stateNode(verb, options), init: options.init, add: options.add }
}

function countNode(options: StateOptions<number>): AggregateNode {
  return { ...stateNode('count', options), init: () => 0, add: (count: number) => count + 1 }
}

function reduceNode<V>(add: (value: V, next: V) => V, options: StateOptions<V>): AggregateNode {
  return { ...stateNode('reduce', options), init: undefined, add: (value: V, record: Keyed<unknown, V>) => add(value, record.value) }
}

function stateNode<A>(verb: string, { name, state }: StateOptions<A>): Omit<AggregateNode, 'init' | 'add'> {
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
      if (topics.length === inputs.length) return new Stream(name, [{ kind: 'from', topics, source: undefined }])
      if (inputs.length > 1) throw invalid(name, 'from(…) takes one source, or topics of one type; not a mixture')
      return new Stream(name, [{ kind: 'from', topics: [], source: inputs[0] as Source<unknown> }])
    },
  }
}
