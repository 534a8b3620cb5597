import { operatorFailed } from '../failure.ts'
import type { Step } from '../operators/safe.ts'
import { type Origin, withValue } from '../record.ts'
import { builtOf, type StageSpec } from '../stage-spec.ts'
import { type Emit, placeOf, type Stage, type StageContext } from './stage.ts'

export type Labelled = Step & { readonly label: string }

/** Operators without state, which the planner fuses with their neighbours. */
export function stepsSpec(steps: readonly Labelled[]): StageSpec {
  const { label } = steps[0]!
  return { label, steps, pure: true, build: ({ next, context }) => builtOf(new StepsStage(steps, next(), context)) }
}

/** What the runner may call with anything: the declaration's types were checked by the compiler. */
type Loose = (item: unknown, record?: unknown) => unknown

/** Neighbouring operators without state, fused into one loop with one `try` per record. */
export class StepsStage implements Stage {
  readonly process: Emit
  readonly #steps: readonly Labelled[]
  readonly #next: Emit
  readonly #context: StageContext

  constructor(steps: readonly Labelled[], next: Emit, context: StageContext) {
    this.#steps = steps
    this.#next = next
    this.#context = context
    this.process = (item, origin) => this.#run(item, origin, 0)
  }

  complete(): void {}

  reset(): void {}

  seed(): void {}

  #run(item: unknown, origin: Origin, from: number): void {
    const steps = this.#steps
    let several: readonly unknown[] | undefined
    let at = from
    try {
      for (; at < steps.length; at++) {
        const step = steps[at]!
        const apply = step.apply as Loose
        if (step.kind === 'filter') {
          if (apply(item)) continue
          this.#context.counters.filtered++
          return
        }
        if (step.kind === 'map') item = apply(item)
        else if (step.kind === 'mapValues') item = withValue(item as { value: unknown }, apply((item as { value: unknown }).value, item))
        else if (step.kind === 'tap') apply(item)
        else {
          several = arrayOf(apply(item))
          break
        }
      }
    } catch (error) {
      throw operatorFailed(placeOf(this.#context, steps[at]!.label), origin, error)
    }
    if (several === undefined) return this.#next(item, origin)
    for (const one of several) this.#run(one, origin, at + 1)
  }
}

function arrayOf(result: unknown): readonly unknown[] {
  if (Array.isArray(result)) return result
  throw new TypeError('flatMap returned something that is not an array; for promises and Observables use concatMap or mapAsync')
}
