import type { Serde } from '../../core/serde/serde.ts'
import type { Part, PartInput, PlannedOutput, PlannedStage, StageSpec } from '../plan.ts'
import type { Store } from '../state/entry.ts'
import { KeyValueStore } from '../state/key-value-store.ts'
import { sessionSerde } from '../state/session-serde.ts'
import { TimelineStore } from '../state/timeline-store.ts'
import { WindowStore } from '../state/window-store.ts'
import { AggregateStage } from './aggregate.ts'
import { BranchStage } from './branch.ts'
import { ConcatMapStage } from './concat-map.ts'
import { LookupStage, TableJoinStage } from './joins.ts'
import { MapAsyncStage } from './map-async.ts'
import { PerEpochStage } from './per-epoch.ts'
import type { Emit, OwnProgress, Progress, Stage, StageContext } from './stage.ts'
import { SessionAggregateStage } from './session-aggregate.ts'
import { StepsStage } from './steps.ts'
import { StreamJoinStage } from './stream-join.ts'
import { TableStage } from './table.ts'
import { DerivedTableStage } from './table-operators.ts'
import { type TableView, viewsOf } from './views.ts'
import { Wiring } from './wiring.ts'
import { WindowAggregateStage } from './window-aggregate.ts'

/** The stages of a task, ready for epochs. */
export interface Chain {
  /** Where the items of each input go in. */
  readonly entries: ReadonlyMap<PartInput, Emit>
  /** Each behind those that it takes from, the ends last. */
  readonly stages: readonly Stage[]
  readonly stores: readonly Store[]
  /** Every point where time moves by itself, the input's first. */
  readonly points: readonly OwnProgress[]
}

/** What a task does with the items that leave it, and the stage behind that, if it has more to do than to take them. */
export type EndOf = (output: PlannedOutput, progress: Progress) => { readonly emit: Emit; readonly stage?: Stage }

/** Builds the stages of a part, from the last to the first, each emitting into those behind it. */
export function buildChain(part: Part, time: OwnProgress, endOf: EndOf, context: StageContext): Chain {
  const times = new Times(part, time)
  const wiring = new Wiring()
  const stages: Stage[] = []
  for (const output of part.outputs) {
    const { emit, stage } = endOf(output, times.into(output.outlets))
    if (stage !== undefined) stages.push(stage)
    wiring.connect(output.outlets, countingEnd(emit, context))
  }
  const state = new State(part)
  for (const planned of part.stages.toReversed()) {
    const { stage, ports } = build(planned, { wiring, context, times, state })
    stages.unshift(stage)
    const emits = isPure(planned.spec) ? ports : ports.map((emit) => counting(emit, context))
    planned.ports.forEach((outlets, port) => wiring.connect(outlets, emits[port]!))
  }
  const entries = new Map(part.inputs.map((input) => [input, wiring.emit(input, 0)]))
  return { entries, stages, stores: state.stores, points: times.points }
}

/** They keep nothing and begin nothing: an item that fails there has left no trace. */
function isPure({ kind }: StageSpec): boolean {
  return kind === 'steps' || kind === 'branch' || kind === 'tableMap' || kind === 'tableFilter' || kind === 'tableJoin' || kind === 'lookup'
}

/** Counts what goes into a stage that may keep it, even if it fails there. */
function counting(emit: Emit, { failures }: StageContext): Emit {
  if (!failures.policy.active) return emit
  return (item, origin) => {
    failures.effects++
    emit(item, origin)
  }
}

/** Counts what an end has taken; what it could not take is not there. */
function countingEnd(emit: Emit, { failures }: StageContext): Emit {
  if (!failures.policy.active) return emit
  return (item, origin) => {
    emit(item, origin)
    failures.effects++
  }
}

/** The stores of a part, and the tables that can be looked into. */
class State {
  readonly stores: readonly Store[]
  readonly #keyValue: Map<PlannedStage, KeyValueStore>
  readonly #windows: Map<PlannedStage, WindowStore>
  readonly #timelines: Map<PlannedStage, readonly TimelineStore[]>
  readonly #views: ReadonlyMap<PlannedStage, TableView>

  constructor(part: Part) {
    const stores: Store[] = []
    this.stores = stores
    this.#keyValue = new Map()
    this.#windows = new Map()
    this.#timelines = new Map()
    for (const planned of part.stages) {
      const { spec } = planned
      if (spec.kind === 'streamJoin') {
        const pair = [0, 1].map((side) => new TimelineStore(spec.stores[side]!, spec.key, spec.states[side]!))
        stores.push(...pair)
        this.#timelines.set(planned, pair)
      }
      if (!('store' in spec)) continue
      const { store: name, key, state } = spec
      if (spec.kind === 'aggregate' && spec.windows?.kind === 'session') {
        const sessions = new TimelineStore(name, key, sessionSerde(state) as Serde<unknown>)
        stores.push(sessions)
        this.#timelines.set(planned, [sessions])
        continue
      }
      const kept = spec.kind === 'aggregate' && spec.windows !== undefined
      const store = kept ? new WindowStore(name, key, state) : new KeyValueStore(name, key, state)
      stores.push(store)
      if (store instanceof WindowStore) this.#windows.set(planned, store)
      else this.#keyValue.set(planned, store)
    }
    this.#views = viewsOf(part, this.#keyValue)
  }

  keyValue(stage: PlannedStage): KeyValueStore {
    return this.#keyValue.get(stage)!
  }

  windows(stage: PlannedStage): WindowStore {
    return this.#windows.get(stage)!
  }

  timelines(stage: PlannedStage): readonly TimelineStore[] {
    return this.#timelines.get(stage)!
  }

  /** Of the table that flows into a port. */
  view(stage: PlannedStage, port: number): TableView {
    return this.#views.get(stage.ports[port]![0]!.from as PlannedStage)!
  }
}

/** How far time has come everywhere in a part; stages that do not hold it back share one object with their input. */
class Times {
  readonly points: OwnProgress[]
  readonly #behind: Map<PartInput | PlannedStage, Progress>

  constructor(part: Part, time: OwnProgress) {
    this.points = [time]
    this.#behind = new Map(part.inputs.map((input) => [input, time]))
    for (const stage of part.stages) this.#behind.set(stage, holdsTime(stage.spec) ? this.#own(stage) : this.before(stage))
  }

  before(stage: PlannedStage): Progress {
    return this.into(stage.ports.flat())
  }

  /** The time that a stage moves by itself. */
  own(stage: PlannedStage): OwnProgress {
    return this.#behind.get(stage) as OwnProgress
  }

  /** Where several streams are merged, time has come as far as in the last of them. */
  into(outlets: PlannedOutput['outlets']): Progress {
    const [first, ...others] = new Set(outlets.map(({ from }) => this.#behind.get(from)!))
    return others.length === 0 ? first! : new Least([first!, ...others])
  }

  #own(stage: PlannedStage): OwnProgress {
    const own = { watermark: this.before(stage).watermark }
    this.points.push(own)
    return own
  }
}

class Least implements Progress {
  readonly #all: readonly Progress[]

  constructor(all: readonly Progress[]) {
    this.#all = all
  }

  get watermark(): number {
    let least = Infinity
    for (const { watermark } of this.#all) if (watermark < least) least = watermark
    return least
  }
}

/** Behind these, records come later than the input's time says: they pass time on when they complete. */
function holdsTime(spec: StageSpec): boolean {
  if (spec.kind === 'aggregate') return spec.windows?.emit === 'close'
  if (spec.kind === 'streamJoin') return spec.how !== 'inner'
  return spec.kind === 'async' || spec.kind === 'perEpoch'
}

interface Building {
  readonly wiring: Wiring
  readonly context: StageContext
  readonly times: Times
  readonly state: State
}

/** A stage, and where each of its ports takes what flows in. */
interface Built {
  readonly stage: Stage
  readonly ports: readonly Emit[]
}

function build(planned: PlannedStage, building: Building): Built {
  const { spec } = planned
  if (spec.kind === 'tableJoin') {
    const { wiring, state, context } = building
    const stage = new TableJoinStage(spec, [state.view(planned, 0), state.view(planned, 1)], wiring.emit(planned, 0), context)
    return { stage, ports: [stage.left, stage.right] }
  }
  if (spec.kind === 'streamJoin') {
    const { wiring, state, context, times } = building
    const own = holdsTime(spec) ? times.own(planned) : undefined
    const [left, right] = state.timelines(planned)
    const stage = new StreamJoinStage(
      spec,
      [left!, right!],
      context.failures.guardTimers(wiring.emit(planned, 0)),
      context,
      times.before(planned),
      own,
    )
    return { stage, ports: [stage.left, stage.right] }
  }
  const stage = buildOfOnePort(planned, building)
  return { stage, ports: [stage.process, ignore] }
}

/** Of what only says which table is looked into. */
const ignore: Emit = () => undefined

function buildOfOnePort(planned: PlannedStage, { wiring, context, times, state }: Building): Stage & { readonly process: Emit } {
  const spec = planned.spec as Exclude<StageSpec, { kind: 'tableJoin' | 'streamJoin' }>
  const next = context.failures.guardTimers(wiring.emit(planned, 0))
  const [input, output] = [times.before(planned), times.own(planned)]
  switch (spec.kind) {
    case 'steps':
      return new StepsStage(spec.steps, next, context)
    case 'branch':
      return new BranchStage(spec, wiring.emits(planned, spec.predicates.length + 1), context)
    case 'async':
      if (spec.step.kind === 'concatMap') return new ConcatMapStage(spec.step, spec.label, next, context, input, output)
      return new MapAsyncStage(spec.step, spec.label, next, context, input, output)
    case 'perEpoch':
      return new PerEpochStage(spec.operators, spec.label, next, context, input, output)
    case 'aggregate': {
      const { windows } = spec
      if (windows === undefined) return new AggregateStage(spec, state.keyValue(planned), next, context)
      const moved = holdsTime(spec) ? output : undefined
      if (windows.kind === 'session') {
        return new SessionAggregateStage({ ...spec, windows }, state.timelines(planned)[0]!, next, context, input, moved)
      }
      return new WindowAggregateStage({ ...spec, windows }, state.windows(planned), next, context, input, moved)
    }
    case 'table':
      return new TableStage(spec, state.keyValue(planned), next, context)
    case 'tableMap':
    case 'tableFilter':
      return new DerivedTableStage(spec, next, context)
    case 'lookup':
      return new LookupStage(spec, state.view(planned, 1), next, context)
  }
}
