import { listOf, NO_PARTITIONS, samePartitions, type TopicPartitionList } from '../partitions.ts'
import { decide } from './apply.ts'
import type { ConsumerContext } from './context.ts'
import type { ConsumerHeartbeat } from './heartbeat-request.ts'
import { checkEpoch, checkReleased, checkSize, identifiedMember, replaceStatic } from './membership.ts'
import { sameMetadata, sameSubscription } from './metadata.ts'
import { type Owned, reconcile } from './reconcile.ts'
import { checkRegex, refreshRegexes } from './regexes.ts'
import { type ConsumerGroup, type ConsumerMember, type MemberMetadata, NO_METADATA } from './state.ts'
import { bumpEpoch, updateTarget } from './target.ts'

export interface ConsumerHeartbeatReply {
  readonly memberId: string
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  /** Null: as told before. */
  readonly assignment: readonly TopicPartitionList[] | null
}

/**
 * Refuses a heartbeat before it changes anything.
 * @throws KafkaError UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, FENCED_INSTANCE_ID, UNRELEASED_INSTANCE_ID, GROUP_MAX_SIZE_REACHED,
 * INVALID_REGULAR_EXPRESSION
 */
export function checkMembership(group: ConsumerGroup, request: ConsumerHeartbeat, { config }: ConsumerContext): void {
  const { memberId, memberEpoch, instanceId, owned, topicRegex } = request
  checkSize(group.members.size, group.members.has(memberId), config.consumerMaxSize)
  if (memberEpoch !== 0) checkEpoch(identifiedMember(group, memberId, instanceId), memberEpoch, owned)
  else if (instanceId !== null) checkReleased(group, instanceId, memberId)
  if (topicRegex !== null && topicRegex !== '') checkRegex(group, topicRegex)
}

/** ConsumerGroupHeartbeat of a member that stays or joins; {@link checkMembership} has been asked. */
export function consumerHeartbeat(group: ConsumerGroup, request: ConsumerHeartbeat, context: ConsumerContext): ConsumerHeartbeatReply {
  const { memberId, memberEpoch, instanceId, owned, mayDescribe } = request
  const { config, now } = context
  const replaced = instanceId === null ? undefined : group.statics.get(instanceId)
  if (replaced !== undefined && replaced !== memberId) replaceStatic(group, group.members.get(replaced)!, memberId, context)
  const before = group.members.get(memberId)?.current.assigned ?? NO_PARTITIONS
  const metadata = updated(group.members.get(memberId)?.metadata ?? NO_METADATA, request)
  const member = advance(group, memberId, metadata, owned, mayDescribe, context)
  member.sessionDeadline = now.mono + config.consumerSessionTimeoutMs
  member.joinDeadline = Infinity
  member.syncDeadline = Infinity
  const { epoch, assigned } = member.current
  const subscribes = request.topicNames !== null || request.topicRegex !== null
  const isFull = memberEpoch === 0 || (request.rebalanceTimeoutMs !== -1 && subscribes && owned !== null)
  return {
    memberId,
    memberEpoch: epoch,
    heartbeatIntervalMs: config.consumerHeartbeatIntervalMs,
    assignment: isFull || !samePartitions(before, assigned) ? listOf(assigned) : null,
  }
}

/** A sign of life that nothing can be written for: the disk refuses, and the member must not lose its session over that. */
export function stayAlive(group: ConsumerGroup, { memberId, memberEpoch }: ConsumerHeartbeat, { now, config }: ConsumerContext): void {
  const member = group.members.get(memberId)
  if (member?.current.epoch === memberEpoch) member.sessionDeadline = now.mono + config.consumerSessionTimeoutMs
}

function updated(before: MemberMetadata, request: ConsumerHeartbeat): MemberMetadata {
  return {
    instanceId: request.instanceId ?? before.instanceId,
    rackId: request.rackId ?? before.rackId,
    clientId: request.clientId,
    clientHost: request.clientHost,
    topicNames: request.topicNames === null ? before.topicNames : new Set(request.topicNames),
    topicRegex: request.topicRegex ?? before.topicRegex,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs === -1 ? before.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
    serverAssignor: request.serverAssignor ?? before.serverAssignor,
    classic: null,
  }
}

/** What a heartbeat and a classic join have in common: note what the member wants, assign anew where that is called for, take it a step on. */
export function advance(
  group: ConsumerGroup,
  memberId: string,
  metadata: MemberMetadata,
  owned: Owned,
  mayDescribe: (topic: string) => boolean,
  context: ConsumerContext,
): ConsumerMember {
  const changed = noteMember(group, memberId, metadata, mayDescribe, context)
  const member = group.members.get(memberId)!
  updateTarget(group, context)
  reconcile(group, member, owned, changed, context)
  return member
}

/** Writes down what the member wants; true when that is something else than before, and the epoch of the group has gone up. */
export function noteMember(
  group: ConsumerGroup,
  memberId: string,
  metadata: MemberMetadata,
  mayDescribe: (topic: string) => boolean,
  context: ConsumerContext,
): boolean {
  const before = group.members.get(memberId)?.metadata
  if (before === undefined || !sameMetadata(before, metadata)) {
    decide(group, { kind: 'member', group: group.id, member: memberId, value: metadata }, context)
  }
  const changed = !sameSubscription(before ?? NO_METADATA, metadata)
  const matches = metadata.topicRegex !== '' || group.regexes.size > 0
  const rematched = matches && refreshRegexes(group, mayDescribe, context)
  bumpEpoch(group, changed || rematched, context)
  return changed
}
