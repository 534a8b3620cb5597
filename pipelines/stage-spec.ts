import type { AnySerde, AnyTopic } from './nodes.ts'
import type { Emit, OwnProgress, Progress, Stage, StageContext } from './stages/stage.ts'
import type { Step } from './operators/safe.ts'
import type { AnyPartitioner } from './partitioning.ts'
import type { Store } from './state/entry.ts'
import type { StoreSpec } from './state/store-spec.ts'

/** What is known of the records that flow somewhere. */
export interface FlowFacts {
  /** Serdes of what flows, as long as no operator has changed it. */
  readonly key: AnySerde | undefined
  readonly value: AnySerde | undefined
  /** Records of one key are together, as aggregations need it. */
  readonly grouped: boolean
}

/** Where an operator is planned: after what, and where its names come from. */
export interface PlanSite {
  /** What flows into each of its ports. */
  readonly flows: readonly FlowFacts[]
  /** Names the operator in messages. */
  readonly label: (kind: string) => string
  /** Names a store: as it was given, else by its kind and place in the declaration. */
  readonly storeName: (given: string | undefined, kind: string) => string
  /** An error that names the pipeline. */
  readonly invalid: (what: string) => Error
}

/** An operator, planned. */
export interface Planned {
  readonly spec: StageSpec
  /** What comes out of each of its ports. */
  readonly gives: readonly FlowFacts[]
}

/**
 * How an operator is planned; a declaration holds one for each operator that is more than plumbing.
 *
 * @throws PIPELINE_INVALID when what flows into it is not what it needs
 */
export type StagePlan = (site: PlanSite) => Planned

/** A topic of the pipeline's own, planned. */
export interface RepartitionSpec {
  /** Without the application id. */
  readonly name: string
  /** Names it in messages. */
  readonly label: string
  readonly select: (item: never) => unknown
  readonly key: AnySerde
  readonly value: AnySerde
  /** Default: as many as its readers have tasks. */
  readonly partitions: number | undefined
  readonly partitioner: AnyPartitioner | undefined
}

/** @throws PIPELINE_INVALID when the serdes are not known */
export type RepartitionPlan = (site: PlanSite) => RepartitionSpec

/** What is known of a stage before it runs, and how it is built for a task. */
export interface StageSpec {
  /** Names it in messages. */
  readonly label: string
  /** Operators without state that may be fused with their neighbours: it is nothing but these. */
  readonly steps?: readonly (Step & { readonly label: string })[]
  /** Its changelogs are called `<application>-<store>-changelog`. */
  readonly stores?: readonly StoreSpec[]
  /** Topics whose global tables it looks into. */
  readonly globals?: readonly AnyTopic[]
  /** It keeps nothing and begins nothing: an item that fails there has left no trace. */
  readonly pure?: true
  /** Records come out later than the input's time says: it has a time of its own, passed on when it completes. */
  readonly holdsTime?: boolean
  /** It may wait for something outside, or uses RxJS's queues. */
  readonly waits?: true
  /** It is a table: how others look into it. */
  readonly view?: (site: ViewSite) => TableView
  readonly build: (site: StageSite) => Built
}

/** What a table has for a key, and since when. */
export type TableView = (key: unknown) => { readonly value: unknown; readonly timestamp: number } | undefined

/** Where the view of a table is made: from its store, or from the tables that it is made of. */
export interface ViewSite {
  readonly store: <S extends Store>(spec: StoreSpec<S>) => S
  /** Of the table that flows into a port. */
  readonly view: (port: number) => TableView
}

/** Where a stage is built, in a task. */
export interface StageSite extends ViewSite {
  readonly context: StageContext
  /** How far time has come in what flows in. */
  readonly input: Progress
  /** The time that it moves by itself; the one of its input when it does not hold time back. */
  readonly output: OwnProgress
  /** Looks into the global table of a topic. */
  readonly global: (topic: string) => TableView
  /** Takes what comes out of a port; default: the first. */
  readonly next: (port?: number) => Emit
}

/** A stage, and where each of its ports takes what flows in. */
export interface Built {
  readonly stage: Stage
  readonly ports: readonly Emit[]
}

/** Of a stage with one port. */
export function builtOf(stage: Stage & { readonly process: Emit }): Built {
  return { stage, ports: [stage.process] }
}

/** What is known behind an operator that may have changed anything. */
export const nothingKnown: FlowFacts = { key: undefined, value: undefined, grouped: false }

/** Behind an operator that keeps the keys: they are where they were. */
export function keysOf({ key }: FlowFacts): FlowFacts {
  return { key, value: undefined, grouped: false }
}

/** The error of an operator that needs the keys of a topic. */
export function withoutKeys(site: PlanSite, label: string): Error {
  return site.invalid(
    `${label} needs the keys of a topic, and an operator before may have changed them: use keyBy(f, { key: serde }) first`,
  )
}
