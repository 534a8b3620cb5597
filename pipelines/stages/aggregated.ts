import { json } from '../../core/serde/primitives.ts'
import type { Aggregation } from '../aggregations.ts'
import type { AnySerde } from '../nodes.ts'
import type { FlowFacts, PlanSite } from '../stage-spec.ts'

/** What every aggregation is planned with. */
export interface Aggregated {
  readonly label: string
  /** Name of its store. */
  readonly name: string
  readonly key: AnySerde
  readonly state: AnySerde
  readonly gives: FlowFacts
}

/**
 * @param windows kind of its windows; none: over all time
 * @throws PIPELINE_INVALID when the records of a key are not together
 */
export function aggregated(site: PlanSite, { verb, name, state }: Aggregation, windows?: string): Aggregated {
  const { key } = site.flows[0]!
  if (key === undefined || site.flows.some((flow) => !flow.grouped)) {
    throw site.invalid(`${verb} needs groupByKey() or keyBy(…) directly before it`)
  }
  return {
    name: site.storeName(name, windows === undefined ? verb : `${verb}-${windows}`),
    label: site.label(verb),
    key,
    state: state ?? (json() as AnySerde),
    gives: { key, value: undefined, grouped: true },
  }
}
