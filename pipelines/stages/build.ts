import type { Part, PartInput, PlannedOutput, PlannedStage, StageSpec } from '../plan.ts'
import type { Store } from '../state/entry.ts'
import { KeyValueStore } from '../state/key-value-store.ts'
import { WindowStore } from '../state/window-store.ts'
import { AggregateStage } from './aggregate.ts'
import { BranchStage } from './branch.ts'
import { ConcatMapStage } from './concat-map.ts'
import { MapAsyncStage } from './map-async.ts'
import { PerEpochStage } from './per-epoch.ts'
import type { Emit, OwnProgress, Progress, Stage, StageContext } from './stage.ts'
import { StepsStage } from './steps.ts'
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

/** What a task does with the items that leave it. */
export type EndOf = (output: PlannedOutput, progress: Progress) => Stage | Emit

/** Builds the stages of a part, from the last to the first, each emitting into those behind it. */
export function buildChain(part: Part, time: OwnProgress, endOf: EndOf, context: StageContext): Chain {
  const times = new Times(part, time)
  const wiring = new Wiring()
  const stages: Stage[] = []
  const stores: Store[] = []
  for (const output of part.outputs) {
    const end = endOf(output, times.into(output.outlets))
    if (typeof end !== 'function') stages.push(end)
    wiring.connect(output.outlets, typeof end === 'function' ? end : end.process)
  }
  for (const planned of part.stages.toReversed()) {
    const stage = build(planned, wiring, context, times, stores)
    stages.unshift(stage)
    wiring.connect(planned.ports[0]!, stage.process)
  }
  const entries = new Map(part.inputs.map((input) => [input, wiring.emit(input, 0)]))
  return { entries, stages, stores: stores.reverse(), points: times.points }
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
  return spec.kind === 'async' || spec.kind === 'perEpoch'
}

function build(planned: PlannedStage, wiring: Wiring, context: StageContext, times: Times, stores: Store[]): Stage {
  const { spec } = planned
  const next = wiring.emit(planned, 0)
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
      if (windows === undefined) {
        const store = new KeyValueStore(spec.store, spec.key, spec.state)
        stores.push(store)
        return new AggregateStage(spec, store, next, context)
      }
      const store = new WindowStore(spec.store, spec.key, spec.state)
      stores.push(store)
      return new WindowAggregateStage({ ...spec, windows }, store, next, context, input, holdsTime(spec) ? output : undefined)
    }
  }
}
