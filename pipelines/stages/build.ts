import type { GlobalStores } from '../global-stores.ts'
import type { Part, PartInput, PlannedOutput, PlannedStage } from '../plan.ts'
import type { Built, TableView, ViewSite } from '../stage-spec.ts'
import type { Store } from '../state/entry.ts'
import type { DiskTable } from '../state/disk/table.ts'
import type { StoreSpec } from '../state/store-spec.ts'
import type { Emit, OwnProgress, Progress, Stage, StageContext } from './stage.ts'
import { Wiring } from './wiring.ts'

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

/** Where a store is kept on disk; undefined: in memory. */
export type TableOf = (spec: StoreSpec) => DiskTable | undefined

/** Builds the stages of a part, from the last to the first, each emitting into those behind it. */
export function buildChain(
  part: Part,
  time: OwnProgress,
  endOf: EndOf,
  context: StageContext,
  tableOf: TableOf = () => undefined,
  globals?: GlobalStores,
): Chain {
  const times = new Times(part, time)
  const wiring = new Wiring()
  const stages: Stage[] = []
  for (const output of part.outputs) {
    const { emit, stage } = endOf(output, times.into(output.outlets))
    if (stage !== undefined) stages.push(stage)
    wiring.connect(output.outlets, countingEnd(emit, context))
  }
  const state = new State(part, tableOf)
  for (const planned of part.stages.toReversed()) {
    const { stage, ports } = build(planned, { wiring, context, times, state, globals })
    stages.unshift(stage)
    const emits = planned.spec.pure === true ? ports : ports.map((emit) => counting(emit, context))
    planned.ports.forEach((outlets, port) => wiring.connect(outlets, emits[port]!))
  }
  const entries = new Map(part.inputs.map((input) => [input, wiring.emit(input, 0)]))
  return { entries, stages, stores: state.stores, points: times.points }
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

interface Building {
  readonly wiring: Wiring
  readonly context: StageContext
  readonly times: Times
  readonly state: State
  readonly globals: GlobalStores | undefined
}

/** The stores of a part, and the tables that can be looked into. */
class State {
  readonly stores: readonly Store[]
  readonly #stores: Map<StoreSpec, Store>
  readonly #views: Map<PlannedStage, TableView>

  constructor({ stages }: Part, tableOf: TableOf) {
    this.#stores = new Map(stages.flatMap(({ spec }) => spec.stores ?? []).map((spec) => [spec, spec.create(tableOf(spec))]))
    this.stores = [...this.#stores.values()]
    this.#views = new Map()
    for (const stage of stages) if (stage.spec.view !== undefined) this.#views.set(stage, stage.spec.view(this.of(stage)))
  }

  /** What a stage may look into. */
  of({ ports }: PlannedStage): ViewSite {
    return {
      store: <S extends Store>(spec: StoreSpec<S>) => this.#stores.get(spec) as S,
      view: (port) => this.#views.get(ports[port]![0]!.from as PlannedStage)!,
    }
  }
}

/** How far time has come everywhere in a part; stages that do not hold it back share one object with their input. */
class Times {
  readonly points: OwnProgress[]
  readonly #behind: Map<PartInput | PlannedStage, Progress>

  constructor(part: Part, time: OwnProgress) {
    this.points = [time]
    this.#behind = new Map(part.inputs.map((input) => [input, time]))
    for (const stage of part.stages) this.#behind.set(stage, stage.spec.holdsTime === true ? this.#own(stage) : this.before(stage))
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

function build(planned: PlannedStage, { wiring, context, times, state, globals }: Building): Built {
  return planned.spec.build({
    ...state.of(planned),
    context,
    input: times.before(planned),
    output: times.own(planned),
    global: (topic) => globals!.view(topic),
    next: (port = 0) => context.failures.guardTimers(wiring.emit(planned, port)),
  })
}
