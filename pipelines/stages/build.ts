import type { StageSpec } from '../plan.ts'
import type { Store } from '../state/entry.ts'
import { KeyValueStore } from '../state/key-value-store.ts'
import { WindowStore } from '../state/window-store.ts'
import { AggregateStage } from './aggregate.ts'
import { ConcatMapStage } from './concat-map.ts'
import { MapAsyncStage } from './map-async.ts'
import { PerEpochStage } from './per-epoch.ts'
import type { Emit, Progress, Stage, StageContext } from './stage.ts'
import { StepsStage } from './steps.ts'
import { WindowAggregateStage } from './window-aggregate.ts'

/** The stages of a task, ready for epochs. */
export interface Chain {
  readonly first: Emit
  readonly stages: readonly Stage[]
  readonly stores: readonly Store[]
}

/** Every point of time in the chain: the input's, then one behind each stage; stages that do not hold time back share one object. */
export function progresses(specs: readonly StageSpec[], input: Progress): Progress[] {
  const points = [input]
  for (const spec of specs) points.push(holdsTime(spec) ? { watermark: input.watermark } : points.at(-1)!)
  return points
}

/** Builds the stages from the last to the first, each emitting into the next one. */
export function buildChain(specs: readonly StageSpec[], points: readonly Progress[], end: Emit, context: StageContext): Chain {
  const stages: Stage[] = []
  const stores: Store[] = []
  let next = end
  for (let at = specs.length - 1; at >= 0; at--) {
    const stage = build(specs[at]!, next, context, points[at]!, points[at + 1]!, stores)
    stages.unshift(stage)
    next = stage.process
  }
  return { first: next, stages, stores }
}

/** Behind these, records come later than the input's time says: they pass time on when they complete. */
function holdsTime(spec: StageSpec): boolean {
  if (spec.kind === 'aggregate') return spec.windows?.emit === 'close'
  return spec.kind !== 'steps'
}

function build(spec: StageSpec, next: Emit, context: StageContext, input: Progress, output: Progress, stores: Store[]): Stage {
  switch (spec.kind) {
    case 'steps':
      return new StepsStage(spec.steps, next, context)
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
      return new WindowAggregateStage({ ...spec, windows }, store, next, context, input, output)
    }
  }
}
