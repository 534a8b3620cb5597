import type { Serde } from '../core/serde/serde.ts'
import type { FlowOf } from './flow.ts'
import type { GlobalTableOf } from './global-table.ts'
import type { Partitioner } from './partitioning.ts'
import type { Topic } from './topic.ts'
import type { JoinWindows, Window } from './windows.ts'

/** Records with a key, as grouping needs them. */
export interface Keyed<K, V> {
  readonly key: K
  readonly value: V
}

/** A change of a table: the new value of a key, and the one before; null: none. */
export interface Change<K, V> extends Keyed<K, V | null> {
  readonly previous: V | null
  readonly timestamp: number
}

/** What an aggregation over all time gives: the new value of a key, with the time of its newest record. It never deletes. */
export interface Aggregated<K, A> extends Change<K, A> {
  readonly value: A
}

/** What an aggregation over windows gives. On close its time is the last millisecond of the window. */
export interface Windowed<K, A> extends Keyed<K, A> {
  readonly timestamp: number
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
  /** Chooses the partition; default: Kafka's murmur2 of the key. The other side of a join needs the same one. */
  partitioner?: Partitioner<K, V>
}

export interface RepartitionOptions<K, V> {
  /** Serde of the key; needed when an operator before may have changed the keys of the topic. */
  key?: Serde<K>
  /** Serde of the value; needed when an operator before has changed the values of the topic. */
  value?: Serde<V>
  /** Names the repartition topic, so that it stays the same when the declaration changes. */
  name?: string
  /** Partitions of the repartition topic; default: as many as the input has. */
  partitions?: number
  /** Chooses the partition; default: Kafka's murmur2 of the key. The other side of a join needs the same one. */
  partitioner?: Partitioner<K, V>
}

/** What is said of an end besides the topic. */
export interface ToOptions<T> {
  /** Chooses the partitions; default: as the topic was declared, else Kafka's murmur2 of the key. */
  partitioner?: [T] extends [Keyed<infer K, infer V>] ? Partitioner<K, V> : never
}

/** Of an end that is told the names of topics: how their records are written. */
export interface ToNamesOptions<K, V> {
  key: Serde<K>
  value: Serde<V>
  /** Chooses the partitions; default: Kafka's murmur2 of the key. */
  partitioner?: Partitioner<K, V>
}

export interface StateOptions<A> {
  /** Serde of the state in the changelog; default: JSON. */
  state?: Serde<A>
  /** Names store and changelog, so that they stay the same when the declaration changes. */
  name?: string
}

export interface TableOptions<V> {
  /** Serde of the values in the changelog; default: that of the topic, else JSON. */
  state?: Serde<V>
  /** Names store and changelog, so that they stay the same when the declaration changes. */
  name?: string
}

/** Where the records of two streams that are joined wait for each other. */
export interface StreamJoinOptions<V, U> {
  /** Serde of the values of this stream in its changelog; default: that of the topic, else JSON. */
  state?: Serde<V>
  /** The same of the other stream. */
  otherState?: Serde<U>
  /** Names stores and changelogs, so that they stay the same when the declaration changes. */
  name?: string
}

/** A pair of records of two streams, with the later of their times. */
export interface Joined<K, R> extends Keyed<K, R> {
  readonly timestamp: number
}

export interface AggregateOptions<T, A> extends StateOptions<A> {
  /** The value of a key before its first record. */
  init: () => A
  /** Returns the value after this record: a new one. Changing the old one in place would defeat the rollback of a failed epoch. */
  add: (value: A, record: T) => A
}

export interface SessionAggregateOptions<T, A> extends AggregateOptions<T, A> {
  /** The value of two sessions that a record has made one; `first` is the older one. */
  merge: (first: A, second: A) => A
}

export interface CogroupOptions<A> extends StateOptions<A> {
  /** The value of a key before its first record. */
  init: () => A
}

export interface SessionCogroupOptions<A> extends CogroupOptions<A> {
  /** The value of two sessions that a record has made one; `first` is the older one. */
  merge: (first: A, second: A) => A
}

export interface GroupByOptions<K, V> {
  /** Serde of the groups' keys. */
  key: Serde<K>
  /** Serde of what of a row counts in its group. */
  value: Serde<V>
  /** Names the repartition topic, so that it stays the same when the declaration changes. */
  name?: string
  /** Partitions of the repartition topic; default: as many as the input has. */
  partitions?: number
}

export interface TableAggregateOptions<K, V, A> extends StateOptions<A> {
  /** The value of a group before its first row. */
  init: () => A
  /** Returns the value with this row: a new one. Changing the old one in place would defeat the rollback of a failed epoch. */
  add: (value: A, row: V, key: K) => A
  /** Returns the value without this row; null: nothing is left, and the group is deleted. */
  subtract: (value: A, row: V, key: K) => A | null
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
export type WithSerde<A> = [IsJson<A>] extends [true] ? unknown : { state: Serde<A> }

/** `unknown` when the output takes the records, else a type whose text is the message; of a function, when all that it may choose do. */
export type Taken<T, O> = Each<T, O extends (record: never) => infer R ? R : O>

/** All at once what is said of each of them. */
type Each<T, O> = (O extends unknown ? (said: TakenBy<T, O>) => void : never) extends (said: infer All) => void ? All : never

type TakenBy<T, O> =
  O extends Topic<infer K, infer V>
    ? T extends Keyed<infer TK, infer TV>
      ? [TK] extends [K]
        ? [TV] extends [V]
          ? unknown
          : [Exclude<TV, null>] extends [V]
            ? { 'this topic takes no null as value: declare it with nullable(serde)': { 'the pipeline has': TV; 'the topic takes': V } }
            : { 'this topic takes another value type': { 'the pipeline has': TV; 'the topic takes': V } }
        : { 'this topic takes another key type': { 'the pipeline has': TK; 'the topic takes': K } }
      : { 'a topic takes records with key and value': { 'the pipeline has': T } }
    : unknown

/** `unknown` when two sides of a join have the same keys, else a type whose text is the message. */
export type SameKey<K, K2> = [K, K2] extends [K2, K]
  ? unknown
  : { 'the other side of the join has other keys': { 'here they are': K; 'there they are': K2 } }

// One signature for streams and global tables: with two, the compiler would say of any mistake only that no overload matches.

export type AnyGlobal = GlobalTableOf<never, unknown>

export type KeyIn<T> = T extends { readonly key: infer K } ? K : never
type ValueIn<T> = T extends { readonly value: infer V } ? V : never

/** The values of a stream. */
export type ValueOf<O> = O extends FlowOf<infer Other> ? ValueIn<Other> : never

/** Second argument of a join: of a global table the function that works out the key, of a stream the joiner. */
export type KeyOrJoiner<T, O, Missing, R> =
  O extends GlobalTableOf<infer GK, unknown>
    ? (record: T) => GK | null | undefined
    : (value: ValueIn<T>, otherValue: ValueOf<O> | Missing, key: KeyIn<T>) => R

/** Third argument of a join: of a global table the joiner, of a stream with the same keys the windows. */
export type WindowsOrJoiner<T, O, Missing, G> =
  O extends GlobalTableOf<infer GK, infer U>
    ? (value: ValueIn<T>, globalValue: U | Missing, key: GK | Missing) => G
    : O extends FlowOf<infer Other>
      ? JoinWindows & SameKey<KeyIn<T>, KeyIn<Other>>
      : never
