import type { ClassicGroup, Context } from '../group-state.ts'
import type { TopicCatalog } from '../topic-catalog.ts'
import type { ConsumerGroup } from './state.ts'

/** Everything an operation on a group of the new protocol works with. */
export interface ConsumerContext extends Context {
  readonly topics: TopicCatalog
  /** The group goes on as another one under its name. */
  readonly replace: (group: ClassicGroup | ConsumerGroup) => void
}
