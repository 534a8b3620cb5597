import type { Aggregation } from '../aggregations.ts'
import type { StagePlan } from '../stage-spec.ts'
import type { AnyWindows } from '../windows/any.ts'
import { aggregateCounted } from './count-aggregate.ts'
import { aggregateSessions } from './session-aggregate.ts'
import { aggregateSliding } from './sliding-aggregate.ts'
import { aggregateWindows } from './window-aggregate.ts'

/** One value per key and window. */
export function aggregateWindowed(aggregation: Aggregation, windows: AnyWindows): StagePlan {
  switch (windows.kind) {
    case 'session':
      return aggregateSessions(aggregation, windows)
    case 'sliding':
      return aggregateSliding(aggregation, windows)
    case 'count':
      return aggregateCounted(aggregation, windows)
    default:
      return aggregateWindows(aggregation, windows)
  }
}
