import type { OperatorFunction } from 'rxjs'
import type { Sink, Source } from '../connectors/types.ts'
import type { Serde } from '../core/serde/serde.ts'
import type { OperatorSpec } from './operators/safe.ts'
import type { Topic } from './topic.ts'
import type { JoinWindows, SessionWindows, TimeWindows } from './windows.ts'

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

export interface PerEpochNode {
  readonly kind: 'perEpoch'
  readonly input: Node
  readonly operators: readonly OperatorFunction<unknown, unknown>[]
}

export interface MergeNode {
  readonly kind: 'merge'
  readonly inputs: readonly Node[]
}

export interface BranchNode {
  readonly kind: 'branch'
  readonly input: Node
  readonly predicates: readonly ((item: never) => boolean)[]
}

/** One of the streams that a branch gives: that of the predicate with this number, or of what no predicate takes. */
export interface BranchOutputNode {
  readonly kind: 'branchOutput'
  readonly input: BranchNode
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

export interface AggregateNode {
  readonly kind: 'aggregate'
  readonly input: Node
  /** What it is called in the declaration: aggregate, count, reduce. */
  readonly verb: string
  readonly name: string | undefined
  readonly windows: TimeWindows | SessionWindows | undefined
  /** undefined: the first record's value begins (reduce). */
  readonly init: (() => unknown) | undefined
  readonly add: (value: never, item: never) => unknown
  /** Of two sessions one. */
  readonly merge: ((first: never, second: never) => unknown) | undefined
  readonly state: AnySerde | undefined
}

/** A table: the latest value of each key, kept in a store. */
export interface TableNode {
  readonly kind: 'table'
  readonly input: Node
  readonly name: string | undefined
  readonly state: AnySerde | undefined
}

export interface TableMapNode {
  readonly kind: 'tableMap'
  readonly input: Node
  readonly apply: (value: never, key: never) => unknown
}

export interface TableFilterNode {
  readonly kind: 'tableFilter'
  readonly input: Node
  readonly apply: (value: never, key: never) => boolean
}

/** Which sides must be there for a result. */
export type JoinKind = 'inner' | 'left' | 'outer'

export type Joiner = (left: never, right: never, key: never) => unknown

/** Two tables of the same keys. */
export interface TableJoinNode {
  readonly kind: 'tableJoin'
  readonly inputs: readonly [Node, Node]
  readonly how: JoinKind
  readonly joiner: Joiner
}

/** Each record of a stream with what a table has for its key at that moment. */
export interface LookupNode {
  readonly kind: 'lookup'
  /** The stream, the table. */
  readonly inputs: readonly [Node, Node]
  readonly how: 'inner' | 'left'
  readonly joiner: Joiner
}

/** Records of two streams with the same key that are near each other in time. */
export interface StreamJoinNode {
  readonly kind: 'streamJoin'
  readonly inputs: readonly [Node, Node]
  readonly how: JoinKind
  readonly joiner: Joiner
  readonly windows: JoinWindows
  readonly name: string | undefined
  /** Serdes of the values that wait. */
  readonly states: readonly [AnySerde | undefined, AnySerde | undefined]
}

export type Node =
  | FromNode
  | PipeNode
  | PerEpochNode
  | MergeNode
  | BranchNode
  | BranchOutputNode
  | GroupByKeyNode
  | KeyByNode
  | AggregateNode
  | TableNode
  | TableMapNode
  | TableFilterNode
  | TableJoinNode
  | LookupNode
  | StreamJoinNode

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
