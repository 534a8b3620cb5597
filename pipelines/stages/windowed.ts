import { MoldauError } from '../../core/base/errors.ts'
import type { Aggregation } from '../aggregations.ts'
import { operatorFailed, type Place } from '../failure.ts'
import type { AnySerde } from '../nodes.ts'
import { type Origin, timestampOf } from '../record.ts'
import { type FlowFacts, keysOf, type StagePlan } from '../stage-spec.ts'
import type { Store } from '../state/entry.ts'
import type { StoreSpec } from '../state/store-spec.ts'
import type { EmitStrategy } from '../windows.ts'
import { aggregated } from './aggregated.ts'
import type { Emit, OwnProgress, Progress, Stage, StageContext } from './stage.ts'

/** Where an aggregation over windows runs. */
export interface WindowSite {
  readonly label: string
  readonly aggregation: Aggregation
  /** Takes the results. */
  readonly next: Emit
  /** Takes the records that come too late. */
  readonly late: Emit
  readonly context: StageContext
  readonly input: Progress
  /** undefined when results are passed on with each record, and hold no time back. */
  readonly output: OwnProgress | undefined
}

/** The port of what comes too late; that of the results is the first. */
export const LATE_PORT = 1

/**
 * How an aggregation over windows is planned, whatever their kind.
 *
 * @param holdsTime results come later than the input's time says
 */
export function aggregateIn<S extends Store>(
  aggregation: Aggregation,
  { kind, emit, holdsTime = emit === 'close' }: { kind: string; emit: EmitStrategy; holdsTime?: boolean },
  storeOf: (name: string, key: AnySerde, state: AnySerde) => StoreSpec<S>,
  build: (site: WindowSite, store: S) => Stage & { readonly ports: readonly Emit[] },
): StagePlan {
  return (site) => {
    const { name, label, key, state, gives } = aggregated(site, aggregation, kind)
    const spec = storeOf(name, key, state)
    return {
      spec: {
        label,
        stores: [spec],
        holdsTime,
        build: ({ store, next, context, input, output: own }) => {
          const output = holdsTime ? own : undefined
          const stage = build({ label, aggregation, next: next(), late: next(LATE_PORT), context, input, output }, store(spec))
          return { stage, ports: stage.ports }
        },
      },
      gives: [gives, lateOf(site.flows)],
    }
  }
}

/** Records that come too late are those that came in. */
function lateOf([first, ...others]: readonly FlowFacts[]): FlowFacts {
  return others.length === 0 ? first! : keysOf(first!)
}

/** The time of a record that falls into a window. */
export function windowTimeOf(item: unknown, origin: Origin, place: Place): number {
  const time = timestampOf(item, origin)
  if (time >= 0) return time
  const cause = new MoldauError(
    'INVALID_ARGUMENT',
    `a record with the time ${time} belongs to no window; give records a timestamp, or filter them out`,
  )
  throw operatorFailed(place, origin, cause)
}
