import { NO_PARTITIONS } from '../partitions.ts'
import { rebalance } from '../group-rebalance.ts'
import { decide } from './apply.ts'
import type { ConsumerContext } from './context.ts'
import { canDowngrade, downgraded } from './downgrade.ts'
import type { ConsumerHeartbeat } from './heartbeat-request.ts'
import { identifiedMember, removeMember } from './membership.ts'
import { forgetRegexes } from './regexes.ts'
import { type ConsumerGroup, LEAVE_STATIC_EPOCH } from './state.ts'
import { bumpEpoch } from './target.ts'

/**
 * ConsumerGroupHeartbeat of a member that goes: for good, or, a static one at -2, for a while in which its place is kept.
 * @throws KafkaError UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID
 */
export function consumerLeave(group: ConsumerGroup, request: ConsumerHeartbeat, context: ConsumerContext): void {
  const member = identifiedMember(group, request.memberId, request.instanceId)
  if (request.memberEpoch !== LEAVE_STATIC_EPOCH) return fence(group, [member.id], context)
  const value = { ...member.current, epoch: LEAVE_STATIC_EPOCH, revoking: NO_PARTITIONS }
  decide(group, { kind: 'current', group: group.id, member: member.id, value }, context)
  member.rebalanceDeadline = Infinity
}

/** Takes members out; the others get their partitions from the next assignment. A group of classic members only becomes a classic one. */
export function fence(group: ConsumerGroup, ids: readonly string[], context: ConsumerContext): void {
  if (ids.length === 0) return
  if (canDowngrade(group, ids, context)) {
    const classic = downgraded(group, ids, context)
    context.replace(classic)
    return rebalance(classic, context)
  }
  for (const id of ids) removeMember(group, id, context)
  forgetRegexes(group, context)
  bumpEpoch(group, true, context)
}

/** When {@link consumerTick} has something to do next, on the monotonic clock; Infinity when never. */
export function nextConsumerDeadline(group: ConsumerGroup): number {
  let next = Infinity
  for (const { sessionDeadline, rebalanceDeadline, joinDeadline, syncDeadline } of group.members.values()) {
    next = Math.min(next, sessionDeadline, rebalanceDeadline, joinDeadline, syncDeadline)
  }
  return next
}

/** Fences members that were not heard of in time, or did not do in time what they were told. */
export function consumerTick(group: ConsumerGroup, context: ConsumerContext): void {
  const { mono } = context.now
  const late = [...group.members.values()].filter(({ sessionDeadline, rebalanceDeadline, joinDeadline, syncDeadline }) => {
    return Math.min(sessionDeadline, rebalanceDeadline, joinDeadline, syncDeadline) <= mono
  })
  fence(
    group,
    late.map(({ id }) => id),
    context,
  )
}
