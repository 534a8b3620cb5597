import { operatorFailed } from '../failure.ts'
import { builtOf, type StagePlan } from '../stage-spec.ts'
import { type Emit, placeOf, type Stage, type StageContext } from './stage.ts'

type Predicate = (item: never) => boolean

/** Sends each item out of the port of the first predicate that takes it; what none takes, out of the one behind the last. */
export function branch(predicates: readonly Predicate[]): StagePlan {
  return (site) => {
    const label = site.label('branch')
    const ports = Array.from({ length: predicates.length + 1 }, (_, port) => port)
    return {
      spec: { label, pure: true, build: ({ next, context }) => builtOf(new BranchStage(label, predicates, ports.map(next), context)) },
      gives: ports.map(() => site.flows[0]!),
    }
  }
}

/** Sends each item to the first branch that takes it. */
export class BranchStage implements Stage {
  readonly process: Emit

  /** @param next one more than there are predicates: the last takes what none of them does */
  constructor(label: string, given: readonly Predicate[], next: readonly Emit[], context: StageContext) {
    const place = placeOf(context, label)
    const predicates = given as readonly ((item: unknown) => boolean)[]
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
