import { GroupState } from './group-state.ts'
import type { Group } from './group-shard.ts'
import { type OffsetsState, type OffsetValue, pendingOf } from './offsets-state.ts'
import type { TopicPartition } from './partition-writer.ts'
import { subscriptionOf } from './subscription.ts'

/**
 * Offsets that are older than offsets.retention.minutes: counted from the commit while nobody uses group management, from when the last
 * member went in a group that has had some, and, while there are members, for topics only that none of them is subscribed to.
 */
export function expiredOffsets(state: OffsetsState, group: Group, retentionMs: number, now: number): TopicPartition[] {
  const offsets = state.groups.get(group.id)
  const since = countedFrom(group)
  if (offsets === undefined || since === undefined) return []
  const isSubscribed = subscriptionOf(group)
  const expired: TopicPartition[] = []
  for (const { topic, partition, value } of offsets.entries()) {
    const isOld = value.expireTimestamp >= 0 ? now >= value.expireTimestamp : now - since(value) >= retentionMs
    if (isOld && !isSubscribed(topic) && !pendingOf(state, group.id, topic, partition)) expired.push({ topic, partition })
  }
  return expired
}

/** Undefined while nothing expires: in the middle of a rebalance nobody knows what the members want. */
function countedFrom(group: Group): ((value: OffsetValue) => number) | undefined {
  const commit = ({ commitTimestamp }: OffsetValue): number => commitTimestamp
  if (group.kind === 'consumer' || group.protocolType === null) return commit
  // An offset that was set after the members went (by an administrator) is kept as long as if they had gone then; Kafka would not.
  if (group.state === GroupState.empty) return ({ commitTimestamp }) => Math.max(commitTimestamp, group.stateSince)
  return group.state === GroupState.stable && group.protocolType === 'consumer' ? commit : undefined
}
