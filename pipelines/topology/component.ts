import type { Clock } from '../../core/base/clock.ts'

/** Named values that flow from component to component: what Storm calls a tuple's fields. */
export interface Tuple<F = unknown> {
  readonly values: F
  /** Name of the component that emitted it. */
  readonly source: string
  readonly stream: string
  /** Number of the task that emitted it, counted over the whole topology. */
  readonly sourceTask: number
}

/** Where a spout or bolt runs. Storm's `TopologyContext`. */
export interface TaskContext {
  readonly topology: string
  readonly component: string
  /** Number of this task, counted over the whole topology from 1. */
  readonly task: number
  /** Number of this task among those of its component, from 0. */
  readonly taskIndex: number
  /** How many tasks the component has. */
  readonly taskCount: number
  readonly clock: Clock
  /** Numbers of the tasks of a component, for `emitDirect`. */
  tasksOf(component: string): readonly number[]
  /** There is something to emit: a spout that had nothing is asked at once. */
  wake(): void
}

/** Names of the streams that a component gives besides `default`, with their fields. */
export type NoStreams = Readonly<Record<never, never>>

/** What a spout emits with. */
export interface SpoutOutput<O, S = NoStreams> {
  /**
   * @param id names the tuple when it is acked or failed; without one nobody is told, and nothing is kept of it
   */
  emit(values: O, id?: unknown): void
  emit<N extends keyof S & string>(stream: N, values: S[N], id?: unknown): void
  /** To one task; its component must have subscribed with `direct`. */
  emitDirect(task: number, values: O, id?: unknown): void
  emitDirect<N extends keyof S & string>(task: number, stream: N, values: S[N], id?: unknown): void
  /** Says that something went wrong: it is counted, and shown as the component's last error. */
  reportError(error: unknown): void
}

/** What a bolt of {@link bolt} emits with: every tuple is anchored to the one that is executed. Storm's `BasicOutputCollector`. */
export interface BasicOutput<O, S = NoStreams> {
  emit(values: O): void
  emit<N extends keyof S & string>(stream: N, values: S[N]): void
  /** To one task; its component must have subscribed with `direct`. */
  emitDirect(task: number, values: O): void
  emitDirect<N extends keyof S & string>(task: number, stream: N, values: S[N]): void
  /** Says that something went wrong: it is counted, and shown as the component's last error. */
  reportError(error: unknown): void
}

/** The tuples that an emitted one stands for: when it fails, they fail. None: nobody will replay it. */
export type Anchors = Tuple | readonly Tuple[]

/** What a bolt of {@link richBolt} emits and acknowledges with. Storm's `OutputCollector`. */
export interface RichOutput<O, S = NoStreams> {
  emit(values: O, anchors?: Anchors): void
  emit<N extends keyof S & string>(stream: N, values: S[N], anchors?: Anchors): void
  /** To one task; its component must have subscribed with `direct`. */
  emitDirect(task: number, values: O, anchors?: Anchors): void
  emitDirect<N extends keyof S & string>(task: number, stream: N, values: S[N], anchors?: Anchors): void
  /** The tuple is done with. Again, or after `fail`, it does nothing. */
  ack(tuple: Tuple): void
  /** The tuple could not be worked on: its spout is told at once. */
  fail(tuple: Tuple): void
  /** The work takes longer: the time-out of the tuple begins anew. */
  resetTimeout(tuple: Tuple): void
  /** Says that something went wrong: it is counted, and shown as the component's last error. */
  reportError(error: unknown): void
}

/** What a spout does. Its methods are called one at a time, except that `ack` and `fail` do not wait for a `nextTuple` that returned a promise. */
export interface Spout {
  /** Called before everything else. */
  open?(): Promise<void> | void
  /** Asked for the next tuple, or several. Nothing emitted: it is asked again after `spoutWait`. A promise: when that has been fulfilled. */
  nextTuple(): Promise<void> | void
  /** A tuple, and everything that was made of it, is done with. */
  ack?(id: never): void
  /** A tuple failed, or timed out: emit it again if it matters. */
  fail?(id: never): void
  /** No tuple will come any more. Asked when nothing is pending; when all spouts have ended, the topology has. */
  ended?(): boolean
  activate?(): void
  deactivate?(): void
  close?(): Promise<void> | void
}

/** What a bolt does. Its methods are called one at a time; a promise is waited for before the next tuple is given to the same executor. */
export interface Bolt<I> {
  /** Called before everything else. */
  prepare?(): Promise<void> | void
  execute(tuple: Tuple<I>): Promise<void> | void
  /** Called in the intervals of the option `tick`, in line with the tuples. Storm's tick tuples. */
  tick?(): Promise<void> | void
  cleanup?(): Promise<void> | void
}

declare const takes: unique symbol
declare const gives: unique symbol

/** A spout that is ready to be put into a topology; each task makes its own. */
export interface SpoutDefinition<O, S = NoStreams> {
  readonly kind: 'spout'
  readonly make: (out: SpoutOutput<O, S>, context: TaskContext) => Spout
  readonly [gives]?: readonly [O, S]
}

/** A bolt that is ready to be put into a topology; each task makes its own. */
export interface BoltDefinition<I, O, S = NoStreams> {
  readonly kind: 'bolt'
  /** It is told when to ack; otherwise that happens behind `execute`. */
  readonly acks: 'itself' | 'after-execute'
  readonly make: (out: never, context: TaskContext) => Bolt<never>
  /** How often its `tick` is called when the topology does not say, in milliseconds. */
  readonly tickMs?: number
  readonly [takes]?: (input: I) => void
  readonly [gives]?: readonly [O, S]
}

/**
 * A source of tuples. Storm's `IRichSpout`.
 *
 * ```ts
 * const lines = spout<{ line: string }>((out) => {
 *   let next = 0
 *   return {
 *     nextTuple: () => { if (next < all.length) out.emit({ line: all[next]! }, next++) },
 *     fail: (id: number) => out.emit({ line: all[id]! }, id),
 *   }
 * })
 * ```
 *
 * @typeParam O fields of the stream `default`
 * @typeParam S other streams, by name
 * @param make called once for each task
 */
export function spout<O extends object, S extends object = NoStreams>(
  make: (out: SpoutOutput<O, S>, context: TaskContext) => Spout,
): SpoutDefinition<O, S> {
  return { kind: 'spout', make }
}

/**
 * A bolt whose tuples are anchored and acked by themselves: when `execute` returns, or its promise is fulfilled, the tuple is acked; when it
 * throws, the tuple fails. Storm's `BaseBasicBolt`.
 *
 * ```ts
 * const split = bolt<{ line: string }, { word: string }>((out) => ({
 *   execute: ({ values }) => values.line.split(' ').forEach((word) => out.emit({ word })),
 * }))
 * ```
 *
 * @typeParam I fields of the tuples that it takes
 * @typeParam O fields of the stream `default`
 * @typeParam S other streams, by name
 * @param make called once for each task
 */
export function bolt<I extends object, O extends object = NoStreams, S extends object = NoStreams>(
  make: (out: BasicOutput<O, S>, context: TaskContext) => Bolt<I>,
): BoltDefinition<I, O, S> {
  return { kind: 'bolt', acks: 'after-execute', make }
}

/**
 * A bolt that anchors and acks by itself, be it long after `execute`: for batches and joins. What it neither acks nor fails times out. Storm's
 * `BaseRichBolt`.
 *
 * ```ts
 * const pairs = richBolt<Order, { first: Order; second: Order }>((out) => {
 *   let waiting: Tuple<Order> | undefined
 *   return {
 *     execute(tuple) {
 *       if (waiting === undefined) return void (waiting = tuple)
 *       out.emit({ first: waiting.values, second: tuple.values }, [waiting, tuple])
 *       out.ack(waiting)
 *       out.ack(tuple)
 *       waiting = undefined
 *     },
 *   }
 * })
 * ```
 *
 * @typeParam I fields of the tuples that it takes
 * @typeParam O fields of the stream `default`
 * @typeParam S other streams, by name
 * @param make called once for each task
 */
export function richBolt<I extends object, O extends object = NoStreams, S extends object = NoStreams>(
  make: (out: RichOutput<O, S>, context: TaskContext) => Bolt<I>,
): BoltDefinition<I, O, S> {
  return { kind: 'bolt', acks: 'itself', make }
}
