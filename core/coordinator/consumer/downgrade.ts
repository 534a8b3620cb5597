import { selectProtocol } from '../group-members.ts'
import { type ClassicGroup, GroupState, type Member, newGroup, snapshotOf } from '../group-state.ts'
import { NO_PARTITIONS } from '../partitions.ts'
import type { ConsumerContext } from './context.ts'
import { encodeAssignment } from './embedded.ts'
import { buryConsumerGroup } from './tombstones.ts'
import type { ConsumerGroup } from './state.ts'

/** True when all that is left of a group without these members speaks the classic protocol. */
export function canDowngrade(group: ConsumerGroup, without: readonly string[], context: ConsumerContext): boolean {
  if (!mayDowngrade(group.members.size - without.length, context)) return false
  for (const { id, metadata } of group.members.values()) if (metadata.classic === null && !without.includes(id)) return false
  return true
}

/** What the settings say about a group of so many members. */
export function mayDowngrade(members: number, { config }: ConsumerContext): boolean {
  const policy = config.consumerMigrationPolicy
  return (policy === 'bidirectional' || policy === 'downgrade') && members > 0 && members <= config.groupMaxSize
}

/** The classic group that goes on where this one ends: same members, and what they shall have is what they have. */
export function downgraded(group: ConsumerGroup, without: readonly string[], context: ConsumerContext): ClassicGroup {
  const { now, out, topics } = context
  const classic = newGroup(group.id, now)
  classic.state = GroupState.stable
  classic.generation = group.epoch
  classic.protocolType = 'consumer'
  for (const { id, metadata } of group.members.values()) {
    if (metadata.classic === null || without.includes(id)) continue
    const { instanceId, clientId, clientHost, rebalanceTimeoutMs } = metadata
    const { sessionTimeoutMs, protocols } = metadata.classic
    const member: Member = {
      id,
      instanceId,
      clientId,
      clientHost,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      protocols,
      assignment: encodeAssignment(group.targets.get(id) ?? NO_PARTITIONS, protocols, topics),
      join: null,
      sync: null,
      isNew: false,
      sessionDeadline: now.mono + sessionTimeoutMs,
    }
    classic.members.set(id, member)
    if (instanceId !== null) classic.statics.set(instanceId, id)
    classic.leader ??= id
  }
  classic.protocolName = selectProtocol(classic)
  buryConsumerGroup(group, context)
  out.record({ kind: 'group', group: classic.id, value: snapshotOf(classic) })
  return classic
}
