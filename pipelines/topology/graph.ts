import { invalid } from '../failure.ts'
import type { Bolt, BoltDefinition, Spout, TaskContext } from './component.ts'

/** Chooses tasks of the subscriber by their numbers among its tasks, from 0: one, or several. Storm's `CustomStreamGrouping`. */
export type ChooseTasks<F = unknown> = (values: F, tasks: number) => number | readonly number[]

/** How the tuples of a stream are spread over the tasks of a subscriber. */
export type Grouping =
  | { readonly kind: 'shuffle' | 'all' | 'global' | 'none' | 'direct' | 'localOrShuffle' }
  | { readonly kind: 'fields' | 'partialKey'; readonly fields: readonly string[] }
  | { readonly kind: 'custom'; readonly choose: ChooseTasks<never> }

export interface Subscription {
  readonly component: string
  readonly stream: string
  readonly grouping: Grouping
}

/** What becomes of a tuple whose bolt throws: it fails; it fails and the task is made anew; the topology stops. */
export type TaskErrors = 'fail' | 'restart' | 'stop'

/** What is left of a definition when its types have been checked. */
export interface AnySpout {
  readonly kind: 'spout'
  readonly make: (out: never, context: TaskContext) => Spout
}

export interface AnyBolt extends Pick<BoltDefinition<unknown, unknown, unknown>, 'kind' | 'acks' | 'tickMs'> {
  readonly make: (out: never, context: TaskContext) => Bolt<never>
}

/** A spout or bolt as it was declared. */
export interface Component {
  readonly name: string
  readonly definition: AnySpout | AnyBolt
  /** Executors. */
  readonly parallelism: number
  readonly tasks: number
  readonly tickMs: number | undefined
  readonly onError: TaskErrors
  readonly subscriptions: readonly Subscription[]
}

/** A declared topology. Components stand behind those that they subscribe to. */
export interface Graph {
  readonly name: string
  readonly components: readonly Component[]
}

/** @throws PIPELINE_INVALID when it cannot run */
export function checkGraph({ name, components }: Graph): void {
  if (!components.some(({ definition }) => definition.kind === 'spout')) throw invalidTopology(name, 'has no spout')
  const alone = components.find(({ definition, subscriptions }) => definition.kind === 'bolt' && subscriptions.length === 0)
  if (alone !== undefined)
    throw invalidTopology(name, `has a bolt '${alone.name}' that subscribes to nothing: add .shuffle(…) or another grouping`)
}

export function invalidTopology(topology: string, what: string): Error {
  return invalid(topology, `topology ${what}`)
}
