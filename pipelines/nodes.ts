import type { OperatorFunction } from 'rxjs'
import type { Sink, Source } from '../connectors/types.ts'
import type { Serde } from '../core/serde/serde.ts'
import type { OperatorSpec } from './operators/safe.ts'
import type { Topic } from './topic.ts'
import type { TumblingWindows } from './windows.ts'

/** What a declaration is made of, in order; types are checked by stream.ts and forgotten here. */
export type AnyTopic = Topic<unknown, unknown>
export type AnySerde = Serde<unknown>

export interface FromNode {
  readonly kind: 'from'
  readonly topics: readonly AnyTopic[]
  readonly source: Source<unknown> | undefined
}

export interface PipeNode {
  readonly kind: 'pipe'
  readonly operators: readonly (OperatorSpec | undefined)[]
}

export interface PerEpochNode {
  readonly kind: 'perEpoch'
  readonly operators: readonly OperatorFunction<unknown, unknown>[]
}

export interface GroupByKeyNode {
  readonly kind: 'groupByKey'
}

export interface KeyByNode {
  readonly kind: 'keyBy'
  readonly select: (item: never) => unknown
  readonly name: string | undefined
  readonly key: AnySerde
  readonly value: AnySerde | undefined
  readonly partitions: number | undefined
}

export interface AggregateNode {
  readonly kind: 'aggregate'
  /** What it is called in the declaration: aggregate, count, reduce. */
  readonly verb: string
  readonly name: string | undefined
  readonly windows: TumblingWindows | undefined
  /** undefined: the first record's value begins (reduce). */
  readonly init: (() => unknown) | undefined
  readonly add: (value: never, item: never) => unknown
  readonly state: AnySerde | undefined
}

export type Node = FromNode | PipeNode | PerEpochNode | GroupByKeyNode | KeyByNode | AggregateNode

/** Where a pipeline ends. */
export type Output = AnyTopic | Sink

export function isTopic(output: Output): output is AnyTopic {
  return 'kind' in output && output.kind === 'topic'
}
