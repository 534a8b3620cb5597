import type { Sink, Source } from '../connectors/types.ts'
import type { Serde } from '../core/serde/serde.ts'
import type { OperatorSpec } from './operators/safe.ts'
import type { AnyPartitioner } from './partitioning.ts'
import type { RepartitionPlan, StagePlan } from './stage-spec.ts'
import type { Topic } from './topic.ts'

/** What a declaration is made of: each node knows what flows into it; types are checked by stream.ts and forgotten here. */
export type AnyTopic = Topic<unknown, unknown>
export type AnySerde = Serde<unknown>

export interface FromNode {
  readonly kind: 'from'
  readonly topics: readonly AnyTopic[]
  readonly source: Source<unknown> | undefined
}

export interface PipeNode {
  readonly kind: 'pipe'
  readonly input: Node
  readonly operators: readonly (OperatorSpec | undefined)[]
}

export interface MergeNode {
  readonly kind: 'merge'
  readonly inputs: readonly Node[]
}

/** An operator that is more than plumbing: a file of `stages/` says how it is planned and how it runs. */
export interface StageNode {
  readonly kind: 'stage'
  readonly inputs: readonly Node[]
  readonly plan: StagePlan
}

/** What comes out of one of the ports of an operator that has several; the first is what the operator itself stands for. */
export interface PortNode {
  readonly kind: 'port'
  readonly input: StageNode
  readonly port: number
}

export interface GroupByKeyNode {
  readonly kind: 'groupByKey'
  readonly input: Node
}

/** The records go through a topic of the pipeline's own, where those of one key are together. */
export interface RepartitionNode {
  readonly kind: 'repartition'
  readonly input: Node
  readonly plan: RepartitionPlan
}

export type Node = FromNode | PipeNode | MergeNode | StageNode | PortNode | GroupByKeyNode | RepartitionNode

/** A topic for each record, chosen when it comes. */
export interface Routing {
  readonly kind: 'routing'
  readonly choose: (record: never) => AnyTopic | string
  /** Serdes for topics of which only the name is given. */
  readonly key: AnySerde | undefined
  readonly value: AnySerde | undefined
}

/** Nothing is left of the records: what was to be done with them is done. */
export interface Nowhere {
  readonly kind: 'nowhere'
}

/** Where records leave a pipeline. */
export type Output = AnyTopic | Routing | Nowhere | Sink

/** An end of a declaration, and what flows into it. */
export interface End {
  readonly input: Node
  readonly output: Output
  /** Chooses the partitions in place of the topic's own way. */
  readonly partitioner: AnyPartitioner | undefined
}

export function isTopic(place: object): place is AnyTopic {
  return 'kind' in place && place.kind === 'topic'
}

/** Whether it is a sink of a connector: an object of somebody else's, which may have any other properties. */
export function isSink(output: Output): output is Sink {
  return !('kind' in output) || !['topic', 'routing', 'nowhere'].includes(output.kind)
}

export function inputsOf(node: Node): readonly Node[] {
  if ('inputs' in node) return node.inputs
  return 'input' in node ? [node.input] : []
}

/** How many nodes and ends take what a node gives, of those that lead to these ends. */
export function countUses(ends: readonly End[]): ReadonlyMap<Node, number> {
  const uses = new Map<Node, number>()
  const open = ends.map((end) => end.input)
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const seen = uses.get(node) ?? 0
    uses.set(node, seen + 1)
    if (seen === 0) open.push(...inputsOf(node))
  }
  return uses
}
