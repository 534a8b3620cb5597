import type { Sink, Source } from '../connectors/types.ts'
import type { DeclaredErrors, OnError } from './errors/on-error.ts'
import type { AnyTopic, Nowhere, Routing } from './nodes.ts'
import type { AnyPartitioner } from './partitioning.ts'
import type { RepartitionSpec, StageSpec } from './stage-spec.ts'

/** A topic between two parts of one pipeline. */
export interface Repartition extends RepartitionSpec {
  readonly kind: 'repartition'
}

export type PartInput =
  | { readonly kind: 'topic'; readonly topic: AnyTopic }
  | { readonly kind: 'source'; readonly source: Source<unknown> }
  | Repartition

export type PartOutput =
  | Repartition
  | { readonly kind: 'topic'; readonly topic: AnyTopic; readonly partitioner: AnyPartitioner | undefined }
  | (Routing & { readonly label: string; readonly partitioner: AnyPartitioner | undefined })
  | Nowhere
  | { readonly kind: 'sink'; readonly sink: Sink }

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
  return parts.some((part) => part.stages.some(({ spec }) => spec.waits === true))
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

/** Topics that are read as global tables, each once. */
export function globalsOf(parts: readonly Part[]): AnyTopic[] {
  const topics = parts.flatMap(({ stages }) => stages.flatMap(({ spec }) => spec.globals ?? []))
  return [...new Map(topics.map((topic) => [topic.name, topic])).values()]
}

/** Name of the changelog of each store of a part, without the application id. */
export function changelogsOf(part: Part): string[] {
  return part.stages.flatMap(({ spec }) => spec.stores ?? []).map(({ name }) => changelogOf(name))
}

export function changelogOf(store: string): string {
  return `${store}-changelog`
}
