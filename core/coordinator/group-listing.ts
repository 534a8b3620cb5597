import { type ConsumerGroupStateName, consumerGroupState } from './consumer/state.ts'
import type { Group } from './group-shard.ts'
import type { GroupStateName } from './group-state.ts'

/** What ListGroups tells of a group. */
export interface GroupListing {
  groupId: string
  protocolType: string
  state: GroupStateName | ConsumerGroupStateName
  /** Which protocol assigns partitions in it. */
  type: 'classic' | 'consumer'
}

export function listingOf(group: Group): GroupListing {
  if (group.kind === 'consumer') {
    return { groupId: group.id, protocolType: 'consumer', state: consumerGroupState(group), type: 'consumer' }
  }
  return { groupId: group.id, protocolType: group.protocolType ?? '', state: group.state, type: 'classic' }
}
