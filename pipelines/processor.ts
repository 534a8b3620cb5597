import type { Duration } from './duration.ts'
import type { KeyValueDeclaration, KeyValueState } from './state/declared/key-value.ts'
import type { StoreKey, StoreDeclaration, StoreDeclarations } from './state/declared/store-declaration.ts'

/** What a processor of records of type `T` sees of a store. */
export type StateOf<D extends StoreDeclaration, T> =
  D extends KeyValueDeclaration<infer K, infer V> ? KeyValueState<StoreKey<K, T>, V> : never

/** Where a record of the input stands. */
export interface RecordMetadata {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** What a processor may see and do while it is its turn: later, e.g. after an `await`, it fails with OPERATOR_UNSAFE. Kafka Streams' `ProcessorContext`. */
export interface ProcessorContext<T, S extends StoreDeclarations> {
  readonly stores: { readonly [N in keyof S]: StateOf<S[N], T> }
  /**
   * How far event time has come, in milliseconds since 1970: the watermark that the record has found, itself included; -1 as long as an input
   * has had none. In a timer of event time: the time of the timer.
   */
  readonly now: number
  /** The wall clock, in milliseconds since 1970. What depends on it is not the same when an epoch is run again. */
  readonly systemNow: number
  /** Event time of the record that is processed, in milliseconds since 1970; of the timer. */
  readonly timestamp: number
  /** The record of the input that this one was made from; undefined in timers, and of what a timer has given. */
  readonly recordMetadata: RecordMetadata | undefined
  /** The partition number of the task. */
  readonly partition: number
}

/** The context of a processor that is a class: it also takes what goes on. */
export interface ForwardingContext<T, S extends StoreDeclarations, R> extends ProcessorContext<T, S> {
  /** Gives a record to what comes next. Without `timestamp` it has that of the record, or the timer, that it is made from. */
  readonly forward: (record: R) => void
}

/** When a timer is called. */
export interface Punctuation {
  /** Its interval. */
  every: Duration
  /**
   * 'event' (the default): at each multiple of the interval (since 1970, UTC) that event time passes, before the record that has moved it there.
   * 'wall': whenever so much time has gone by on the clock, also when no record comes.
   */
  time?: 'event' | 'wall'
}

/** A timer of a processor. Kafka Streams' `schedule(interval, STREAM_TIME | WALL_CLOCK_TIME, punctuator)`. */
export interface Punctuator<T, S extends StoreDeclarations, P> extends Punctuation {
  /**
   * @param time the multiple of the interval, or the wall clock; in milliseconds since 1970
   * @returns what goes on, as `process` does
   */
  run(time: number, context: ProcessorContext<T, S>): Iterable<P> | void
}

interface Named {
  /** Names its stores and changelogs, so that they stay the same when the declaration changes. */
  name?: string
}

/** A processor, as an object. */
export interface ProcessorDeclaration<T, S extends StoreDeclarations, R, P> extends Named {
  /** Its state: anything else it keeps, in variables or fields, is neither undone with a failed epoch nor there after a restart. */
  stores?: S
  punctuate?: Punctuator<T, S, P> | readonly Punctuator<T, S, P>[]
  /** Called when a task begins, and again after an epoch has failed. */
  init?(context: ProcessorContext<T, S>): void
  /**
   * Called with one record after the other.
   *
   * @returns what goes on: an array, or whatever else can be iterated (so it may be a generator), or nothing
   */
  process(record: T, context: ProcessorContext<T, S>): Iterable<R> | void
  /** The task has ended, or an epoch has failed. */
  close?(): void
}

/** A processor that is a class: one instance per task, and a new one after an epoch has failed. Kafka Streams' `Processor`. */
export interface Processor<T, R, S extends StoreDeclarations = Record<never, never>> {
  /** Called when a task begins, with what the processor works with from then on. */
  init?(context: ForwardingContext<T, S, R>): void
  process(record: T): void
  /**
   * @param time the multiple of the interval, or the wall clock; in milliseconds since 1970
   * @param timer which of `punctuate` it is, counting from 0
   */
  punctuate?(time: number, timer: number): void
  /** The task has ended, or an epoch has failed. */
  close?(): void
}

/** What is said of a processor that is a class. */
export interface ProcessorOptions<S extends StoreDeclarations> extends Named {
  stores?: S
  punctuate?: Punctuation | readonly Punctuation[]
}

/** The options of a class with stores have to say which. */
export type SuppliedWith<S extends StoreDeclarations> = keyof S extends never
  ? [options?: ProcessorOptions<S>]
  : [options: ProcessorOptions<S> & { stores: S }]
