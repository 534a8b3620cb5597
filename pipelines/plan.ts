import type { OperatorFunction } from 'rxjs'
import type { Sink, Source } from '../connectors/types.ts'
import type { DeclaredErrors, OnError } from './errors/on-error.ts'
import type { AnySerde, AnyTopic, Joiner, JoinKind } from './nodes.ts'
import type { AsyncStep, Step } from './operators/safe.ts'
import type { JoinWindows, SessionWindows, TimeWindows } from './windows.ts'

/** What the runner executes for one stretch of a declaration. `label` names it in messages. */
export type StageSpec =
  | { readonly kind: 'steps'; readonly label: string; readonly steps: readonly (Step & { readonly label: string })[] }
  | { readonly kind: 'async'; readonly label: string; readonly step: AsyncStep }
  | { readonly kind: 'perEpoch'; readonly label: string; readonly operators: readonly OperatorFunction<unknown, unknown>[] }
  | BranchSpec
  | AggregateSpec
  | TableSpec
  | TableMapSpec
  | TableFilterSpec
  | TableJoinSpec
  | LookupSpec
  | StreamJoinSpec

/** Sends each item to the outlet of the first predicate that takes it; what none takes, to the one behind the last. */
export interface BranchSpec {
  readonly kind: 'branch'
  readonly label: string
  readonly predicates: readonly ((item: never) => boolean)[]
}

export interface AggregateSpec {
  readonly kind: 'aggregate'
  readonly label: string
  /** Name of the store; its changelog is `<application>-<store>-changelog`. */
  readonly store: string
  readonly windows: TimeWindows | SessionWindows | undefined
  readonly init: (() => unknown) | undefined
  readonly add: (value: never, item: never) => unknown
  readonly merge: ((first: never, second: never) => unknown) | undefined
  readonly key: AnySerde
  readonly state: AnySerde
}

/** Keeps the latest value of each key, and passes the changes on. */
export interface TableSpec {
  readonly kind: 'table'
  readonly label: string
  readonly store: string
  readonly key: AnySerde
  readonly state: AnySerde
}

export interface TableMapSpec {
  readonly kind: 'tableMap'
  readonly label: string
  readonly apply: (value: never, key: never) => unknown
}

export interface TableFilterSpec {
  readonly kind: 'tableFilter'
  readonly label: string
  readonly apply: (value: never, key: never) => boolean
}

export interface TableJoinSpec {
  readonly kind: 'tableJoin'
  readonly label: string
  readonly how: JoinKind
  readonly joiner: Joiner
}

/** Port 0 takes the stream; port 1 only says which table is looked into. */
export interface LookupSpec {
  readonly kind: 'lookup'
  readonly label: string
  readonly how: 'inner' | 'left'
  readonly joiner: Joiner
}

/** Ports: the left stream, the right one. */
export interface StreamJoinSpec {
  readonly kind: 'streamJoin'
  readonly label: string
  readonly how: JoinKind
  readonly joiner: Joiner
  readonly windows: JoinWindows
  /** What waits of the left stream, and of the right. */
  readonly stores: readonly [string, string]
  readonly key: AnySerde
  readonly states: readonly [AnySerde, AnySerde]
}

/** A topic between two parts of one pipeline. */
export interface Repartition {
  readonly kind: 'repartition'
  /** Without the application id. */
  readonly name: string
  readonly label: string
  readonly select: (item: never) => unknown
  readonly key: AnySerde
  readonly value: AnySerde
  readonly partitions: number | undefined
}

export type PartInput =
  | { readonly kind: 'topic'; readonly topic: AnyTopic }
  | { readonly kind: 'source'; readonly source: Source<unknown> }
  | Repartition

export type PartOutput = Repartition | { readonly kind: 'topic'; readonly topic: AnyTopic } | { readonly kind: 'sink'; readonly sink: Sink }

/** Where items come out: of an input, or of one of the ports of a stage. */
export interface Outlet {
  readonly from: PartInput | PlannedStage
  readonly port: number
}

export interface PlannedStage {
  readonly spec: StageSpec
  /** For each of its ports what flows in there: several outlets where streams are merged. */
  readonly ports: readonly (readonly Outlet[])[]
}

export interface PlannedOutput {
  readonly output: PartOutput
  readonly outlets: readonly Outlet[]
}

/** A stretch of a pipeline that runs in one task per partition: from topics and repartitions to topics and repartitions. */
export interface Part {
  readonly index: number
  readonly inputs: readonly PartInput[]
  /** Each behind those that it takes from. */
  readonly stages: readonly PlannedStage[]
  readonly outputs: readonly PlannedOutput[]
}

/** A pipeline that can be run. */
export interface Plan {
  readonly name: string
  /** Each behind those that write what it reads. */
  readonly parts: readonly Part[]
  readonly errors: PlannedErrors
}

/** What becomes of records that fail. */
export interface PlannedErrors extends DeclaredErrors {
  /** By the labels of operators. */
  readonly handlers: ReadonlyMap<string, OnError>
}

/** Whether operators may wait for something outside, and RxJS's queues are in use. */
export function waits(parts: readonly Part[]): boolean {
  return parts.some((part) => part.stages.some(({ spec: { kind } }) => kind === 'perEpoch' || kind === 'async'))
}

/** The source outside Kafka that a part reads: then it reads nothing else. */
export function sourceOf(part: Part): Source<unknown> | undefined {
  const [input] = part.inputs
  return input?.kind === 'source' ? input.source : undefined
}

/** The sink of a connector that a part writes to: then it writes nowhere else. */
export function sinkOf(part: Part): Sink | undefined {
  const [end] = part.outputs
  return end?.output.kind === 'sink' ? end.output.sink : undefined
}

export function topicsOf(part: Part): AnyTopic[] {
  return part.inputs.flatMap((input) => (input.kind === 'topic' ? [input.topic] : []))
}

/** Name of the changelog of each store of a part, without the application id. */
export function changelogsOf(part: Part): string[] {
  return part.stages.flatMap(({ spec }) => storesOf(spec)).map(changelogOf)
}

function storesOf(spec: StageSpec): readonly string[] {
  if ('stores' in spec) return spec.stores
  return 'store' in spec ? [spec.store] : []
}

export function changelogOf(store: string): string {
  return `${store}-changelog`
}
