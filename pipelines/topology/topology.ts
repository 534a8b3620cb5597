import { checkName } from '../topic.ts'
import { type Duration, milliseconds } from '../duration.ts'
import type { BoltDefinition, NoStreams, SpoutDefinition } from './component.ts'
import {
  type AnyBolt,
  type AnySpout,
  type ChooseTasks,
  type Component,
  type Graph,
  type Grouping,
  invalidTopology,
  type TaskErrors,
} from './graph.ts'

/** How many of a component there are. */
export interface ParallelismOptions {
  /** Executors: tasks of one executor run one after the other. Default 1. */
  parallelism?: number
  /** Tasks: fields groupings spread over them, and their number stays when the topology is rebalanced. Default: as many as executors. */
  tasks?: number
}

export type SpoutOptions = ParallelismOptions

export interface BoltOptions extends ParallelismOptions {
  /** How often `tick` is called; default: never. */
  tick?: Duration
  /**
   * When `execute` throws: `'fail'` (the default) fails the tuple, so that its spout may replay it; `'restart'` does that and makes the task
   * anew; `'stop'` stops the topology.
   */
  onError?: TaskErrors
}

/** What a component gives, by stream. */
export type Given<O, S> = { readonly default: O } & { readonly [N in keyof S]: S[N] }

/** A name that no component has yet. */
type NewName<G, N> = N extends keyof G ? { 'there is already a component of this name': N } : unknown

type Fields<G, C, S> = C extends keyof G ? (S extends keyof G[C] ? G[C][S] : never) : never

/** That what a stream gives is what the bolt takes; otherwise says what is what. */
type Taken<G, C, S, I> = [Fields<G, C, S>] extends [I]
  ? unknown
  : { 'this bolt takes other fields': { 'the stream gives': Fields<G, C, S>; 'the bolt takes': I } }

type StreamOf<G, C extends keyof G> = 'default' | (keyof G[C] & string)

type FieldOf<G, C, S> = keyof Fields<G, C, S> & string

declare const graphOf: unique symbol

/**
 * A bolt that is being subscribed to streams: Storm's `BoltDeclarer`. The second argument, or the third, is the name of the stream; `default`
 * when it is left out.
 *
 * @typeParam G what the components give, this bolt among them: it may subscribe to itself
 * @typeParam I fields that it takes
 */
export interface Subscribing<G, I> {
  /** To the tasks in turn: each gets as many. */
  shuffle<C extends keyof G & string, S extends StreamOf<G, C> = 'default'>(from: C & Taken<G, C, S, I>, stream?: S): Subscribed<G, I>
  /** Tuples with the same values of these fields go to the same task. */
  fields<C extends keyof G & string, S extends StreamOf<G, C> = 'default'>(
    from: C & Taken<G, C, S, I>,
    fields: readonly FieldOf<G, C, S>[],
    stream?: S,
  ): Subscribed<G, I>
  /** As `fields`, but each value has two tasks, and its tuples go to the one of them that has got less: for values of which some come very often. */
  partialKey<C extends keyof G & string, S extends StreamOf<G, C> = 'default'>(
    from: C & Taken<G, C, S, I>,
    fields: readonly FieldOf<G, C, S>[],
    stream?: S,
  ): Subscribed<G, I>
  /** To every task. */
  all<C extends keyof G & string, S extends StreamOf<G, C> = 'default'>(from: C & Taken<G, C, S, I>, stream?: S): Subscribed<G, I>
  /** To the first task. */
  global<C extends keyof G & string, S extends StreamOf<G, C> = 'default'>(from: C & Taken<G, C, S, I>, stream?: S): Subscribed<G, I>
  /** It does not matter where: as `shuffle`. */
  none<C extends keyof G & string, S extends StreamOf<G, C> = 'default'>(from: C & Taken<G, C, S, I>, stream?: S): Subscribed<G, I>
  /** To the task that the emitter names with `emitDirect`. */
  direct<C extends keyof G & string, S extends StreamOf<G, C> = 'default'>(from: C & Taken<G, C, S, I>, stream?: S): Subscribed<G, I>
  /** As `shuffle`, among the tasks in the worker of the emitter, if there are any. */
  localOrShuffle<C extends keyof G & string, S extends StreamOf<G, C> = 'default'>(
    from: C & Taken<G, C, S, I>,
    stream?: S,
  ): Subscribed<G, I>
  /** To the tasks that a function chooses. */
  custom<C extends keyof G & string, S extends StreamOf<G, C> = 'default'>(
    from: C & Taken<G, C, S, I>,
    choose: ChooseTasks<Fields<G, C, S>>,
    stream?: S,
  ): Subscribed<G, I>
}

/** A topology whose last bolt may be subscribed to more streams. */
export interface Subscribed<G, I> extends Topology<G>, Subscribing<G, I> {}

/** A declared topology, whatever is in it. */
export interface AnyTopology {
  readonly kind: 'topology'
  readonly name: string
}

/** A declared topology: spouts, bolts and the streams between them. Storm's `TopologyBuilder`; immutable. */
export interface Topology<G = unknown> extends AnyTopology {
  readonly [graphOf]?: G
  /** Adds a source of tuples. */
  spout<N extends string, O, S = NoStreams>(
    name: N & NewName<G, N>,
    spout: SpoutDefinition<O, S>,
    options?: SpoutOptions,
  ): Topology<G & { readonly [K in N]: Given<O, S> }>
  /** Adds a bolt; what it subscribes to is said behind it. */
  bolt<N extends string, I, O, S = NoStreams>(
    name: N & NewName<G, N>,
    bolt: BoltDefinition<I, O, S>,
    options?: BoltOptions,
  ): Subscribing<G & { readonly [K in N]: Given<O, S> }, I>
}

/**
 * Begins the declaration of a topology, Storm's way: spouts give tuples, bolts take and give them, groupings say which task gets which.
 *
 * ```ts
 * export const words = topology('words')
 *   .spout('lines', lines)
 *   .bolt('split', split, { parallelism: 2 }).shuffle('lines')
 *   .bolt('count', count, { parallelism: 4 }).fields('split', ['word'])
 * ```
 *
 * @throws PIPELINE_INVALID when the name cannot be part of a topic's name
 */
export function topology(name: string): Topology<NoStreams> {
  checkName('topology', name)
  return new Builder({ name, components: [] }) as unknown as Topology<NoStreams>
}

/** What a topology was declared as. */
export function graphOfTopology(declared: AnyTopology): Graph {
  if (!isBuilder(declared)) throw new TypeError('this is no topology of topology(name)')
  return declared.graph
}

/** Whether a value, e.g. an export of a module, is a declared topology. */
export function isTopology(value: unknown): value is AnyTopology {
  return isBuilder(value)
}

function isBuilder(value: unknown): value is Builder {
  return value instanceof Builder
}

class Builder implements AnyTopology {
  readonly kind = 'topology'
  readonly graph: Graph

  constructor(graph: Graph) {
    this.graph = graph
  }

  get name(): string {
    return this.graph.name
  }

  spout(name: string, definition: AnySpout, options: SpoutOptions = {}): Builder {
    return this.#with(this.#component(name, definition, options))
  }

  bolt(name: string, definition: AnyBolt, options: BoltOptions = {}): Builder {
    return this.#with(this.#component(name, definition, options))
  }

  shuffle(from: string, stream?: string): Builder {
    return this.#subscribe(from, stream, { kind: 'shuffle' })
  }

  fields(from: string, fields: readonly string[], stream?: string): Builder {
    return this.#subscribe(from, stream, { kind: 'fields', fields })
  }

  partialKey(from: string, fields: readonly string[], stream?: string): Builder {
    return this.#subscribe(from, stream, { kind: 'partialKey', fields })
  }

  all(from: string, stream?: string): Builder {
    return this.#subscribe(from, stream, { kind: 'all' })
  }

  global(from: string, stream?: string): Builder {
    return this.#subscribe(from, stream, { kind: 'global' })
  }

  none(from: string, stream?: string): Builder {
    return this.#subscribe(from, stream, { kind: 'none' })
  }

  direct(from: string, stream?: string): Builder {
    return this.#subscribe(from, stream, { kind: 'direct' })
  }

  localOrShuffle(from: string, stream?: string): Builder {
    return this.#subscribe(from, stream, { kind: 'localOrShuffle' })
  }

  custom(from: string, choose: ChooseTasks<never>, stream?: string): Builder {
    return this.#subscribe(from, stream, { kind: 'custom', choose })
  }

  #component(name: string, definition: AnySpout | AnyBolt, options: BoltOptions): Component {
    checkName(`topology "${this.name}", component`, name)
    if (this.graph.components.some((other) => other.name === name)) throw this.#wrong(`has two components called '${name}'`)
    const { parallelism = 1, tasks = parallelism, tick, onError = 'fail' } = options
    const given = { parallelism, tasks }
    for (const [option, value] of Object.entries(given)) {
      if (!Number.isInteger(value) || value < 1) throw this.#wrong(`'${name}', ${option}: a whole number of at least 1, not ${value}`)
    }
    if (tasks < parallelism) throw this.#wrong(`'${name}' has ${parallelism} executors for ${tasks} tasks: raise 'tasks'`)
    const ticking = definition.kind === 'bolt' ? definition.tickMs : undefined
    const tickMs = tick === undefined ? ticking : milliseconds(tick, `'${name}', tick`)
    if (tickMs === 0) throw this.#wrong(`'${name}', tick: at least one millisecond`)
    return { name, definition, parallelism, tasks, tickMs, onError, subscriptions: [] }
  }

  #subscribe(component: string, stream = 'default', grouping: Grouping): Builder {
    const bolt = this.graph.components.at(-1)
    if (bolt?.definition.kind !== 'bolt') throw this.#wrong('subscribes nothing: call .bolt(…) before a grouping')
    if (!this.graph.components.some(({ name }) => name === component)) {
      throw this.#wrong(`'${bolt.name}' subscribes to '${component}', which is not declared before it`)
    }
    if ('fields' in grouping && grouping.fields.length === 0) throw this.#wrong(`'${bolt.name}', ${grouping.kind}: names no field`)
    const subscribed = { ...bolt, subscriptions: [...bolt.subscriptions, { component, stream, grouping }] }
    return new Builder({ name: this.name, components: [...this.graph.components.slice(0, -1), subscribed] })
  }

  #with(component: Component): Builder {
    return new Builder({ name: this.name, components: [...this.graph.components, component] })
  }

  #wrong(what: string): Error {
    return invalidTopology(this.name, what)
  }
}
