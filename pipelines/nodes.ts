import type { Sink, Source } from '../connectors/types.ts'
import type { Serde } from '../core/serde/serde.ts'
import type { OperatorSpec } from './operators/safe.ts'
import type { StagePlan } from './stage-spec.ts'
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

export interface KeyByNode {
  readonly kind: 'keyBy'
  readonly input: Node
  readonly select: (item: never) => unknown
  readonly name: string | undefined
  readonly key: AnySerde
  readonly value: AnySerde | undefined
  readonly partitions: number | undefined
}

export type Node = FromNode | PipeNode | MergeNode | StageNode | PortNode | GroupByKeyNode | KeyByNode

/** Where records leave a pipeline. */
export type Output = AnyTopic | Sink

/** An end of a declaration, and what flows into it. */
export interface End {
  readonly input: Node
  readonly output: Output
}

export function isTopic(place: object): place is AnyTopic {
  return 'kind' in place && place.kind === 'topic'
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
