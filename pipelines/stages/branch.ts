import { operatorFailed } from '../failure.ts'
import type { BranchSpec } from '../plan.ts'
import { type Emit, placeOf, type Stage, type StageContext } from './stage.ts'

/** Sends each item to the first branch that takes it. */
export class BranchStage implements Stage {
  readonly process: Emit

  /** @param next one more than there are predicates: the last takes what none of them does */
  constructor(spec: BranchSpec, next: readonly Emit[], context: StageContext) {
    const place = placeOf(context, spec.label)
    const predicates = spec.predicates as readonly ((item: unknown) => boolean)[]
    this.process = (item, origin) => {
      let at = 0
      try {
        while (at < predicates.length && !predicates[at]!(item)) at++
      } catch (error) {
        throw operatorFailed(place, origin, error)
      }
      next[at]!(item, origin)
    }
  }

  complete(): void {}

  reset(): void {}

  seed(): void {}
}
