import { kafkaError, type KafkaErrorName } from '../../protocol/errors.ts'
import type { JoinRequest } from '../group-join.ts'
import type { Identity } from '../group-members.ts'
import { joinFailed, type JoinReply, type SyncReply } from '../group-replies.ts'
import { rebalance } from '../group-rebalance.ts'
import type { SyncRequest } from '../group.ts'
import type { Ticket } from '../outcome.ts'
import type { ConsumerContext } from './context.ts'
import { downgraded, mayDowngrade } from './downgrade.ts'
import { byId, encodeAssignment, subscriptionIn } from './embedded.ts'
import { advance, noteMember } from './heartbeat.ts'
import { fence } from './leave.ts'
import { checkSize, identifiedMember, replaceStatic } from './membership.ts'
import { reconcile, waitsForOthers } from './reconcile.ts'
import { type ClassicMetadata, type ConsumerGroup, type ConsumerMember, type MemberMetadata, MemberState } from './state.ts'

/** JoinGroup, SyncGroup, Heartbeat and LeaveGroup of members that speak the classic protocol in a group of the new one (KIP-848). */

/**
 * JoinGroup. The answer comes at once: there is no leader, the coordinator assigns. Generations are the epochs of the member.
 * @throws KafkaError GROUP_MAX_SIZE_REACHED, INCONSISTENT_GROUP_PROTOCOL, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID
 */
export function joinConsumerGroup(group: ConsumerGroup, request: JoinRequest, ticket: Ticket, context: ConsumerContext): void {
  const { out, config, now, topics } = context
  const { instanceId, protocols, sessionTimeoutMs, rebalanceTimeoutMs } = request
  const isUnknown = request.memberId === ''
  const memberId = isUnknown ? request.freshMemberId : request.memberId
  checkSize(group.members.size, group.members.has(memberId), config.consumerMaxSize)
  const subscription = subscriptionIn(protocols[0]?.metadata ?? Buffer.alloc(0))
  if (request.protocolType !== 'consumer' || subscription === undefined || !speaksWithAll(group, request)) {
    throw kafkaError('INCONSISTENT_GROUP_PROTOCOL', `Member ${memberId}'s protocols are not supported.`)
  }
  if (isUnknown && request.requiresKnownMemberId && instanceId === null) {
    return out.reply(ticket, joinFailed('MEMBER_ID_REQUIRED', memberId))
  }
  if (instanceId !== null && !isUnknown) identifiedMember(group, memberId, instanceId)
  const old = instanceId === null ? undefined : group.members.get(group.statics.get(instanceId) ?? '')
  const downgrades = old !== undefined && isLastOfTheNew(group, old, context)
  if (old !== undefined && old.id !== memberId) replaceStatic(group, old, memberId, context)
  const before = group.members.get(memberId)?.metadata
  const metadata: MemberMetadata = {
    instanceId,
    rackId: subscription.rackId ?? before?.rackId ?? null,
    clientId: request.clientId,
    clientHost: request.clientHost,
    topicNames: new Set(subscription.topics),
    topicRegex: '',
    rebalanceTimeoutMs,
    serverAssignor: before?.serverAssignor ?? null,
    classic: { sessionTimeoutMs, protocols },
  }
  const owned = byId(subscription.ownedPartitions, topics)
  if (downgrades) return joinAndDowngrade(group, memberId, metadata, owned, ticket, context)
  const member = advance(group, memberId, metadata, owned, () => true, context)
  member.joinDeadline = Infinity
  member.sessionDeadline = now.mono + sessionTimeoutMs
  member.syncDeadline = now.mono + rebalanceTimeoutMs
  out.reply(ticket, joinedReply(member, protocols[0]!.name))
}

/** A member of the classic protocol has taken the place of the last static one of the new protocol: the group becomes a classic one. */
function joinAndDowngrade(
  group: ConsumerGroup,
  memberId: string,
  metadata: MemberMetadata,
  owned: ReturnType<typeof byId>,
  ticket: Ticket,
  context: ConsumerContext,
): void {
  const changed = noteMember(group, memberId, metadata, () => true, context)
  const member = group.members.get(memberId)!
  if (!changed) reconcile(group, member, owned, false, context)
  const reply = joinedReply(member, metadata.classic!.protocols[0]!.name)
  const classic = downgraded(group, [], context)
  context.replace(classic)
  context.out.reply(ticket, { ...reply, generation: classic.generation })
  if (changed) rebalance(classic, context)
}

function isLastOfTheNew(group: ConsumerGroup, old: ConsumerMember, context: ConsumerContext): boolean {
  if (old.metadata.classic !== null || !mayDowngrade(group.members.size, context)) return false
  for (const { id, metadata } of group.members.values()) if (id !== old.id && metadata.classic === null) return false
  return true
}

function speaksWithAll(group: ConsumerGroup, { protocols }: JoinRequest): boolean {
  const classic = [...group.members.values()].flatMap(({ metadata }) => (metadata.classic === null ? [] : [metadata.classic]))
  return protocols.some(({ name }) => classic.every((other) => other.protocols.some((protocol) => protocol.name === name)))
}

function joinedReply({ id, current }: ConsumerMember, protocolName: string): JoinReply {
  return {
    error: 'NONE',
    generation: current.epoch,
    protocolType: 'consumer',
    protocolName,
    leader: '',
    skipAssignment: false,
    memberId: id,
    members: [],
  }
}

/**
 * SyncGroup: the partitions of the member.
 * @throws KafkaError UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, INCONSISTENT_GROUP_PROTOCOL, REBALANCE_IN_PROGRESS
 */
export function syncConsumerGroup(group: ConsumerGroup, request: SyncRequest, context: ConsumerContext): SyncReply {
  const { now, topics } = context
  const { protocolType, protocolName } = request
  const { member, classic } = classicMember(group, request)
  checkGeneration(member, request.generation)
  if (protocolType !== null && protocolType !== 'consumer') throw kafkaError('INCONSISTENT_GROUP_PROTOCOL')
  if (protocolName !== null && protocolName !== classic.protocols[0]!.name) throw kafkaError('INCONSISTENT_GROUP_PROTOCOL')
  if (epochToJoin(group) > member.current.epoch && member.current.state !== MemberState.unrevokedPartitions) {
    awaitJoin(member, context)
    throw kafkaError('REBALANCE_IN_PROGRESS')
  }
  member.syncDeadline = Infinity
  member.sessionDeadline = now.mono + classic.sessionTimeoutMs
  return { error: 'NONE', protocolType, protocolName, assignment: encodeAssignment(member.current.assigned, classic.protocols, topics) }
}

/**
 * Heartbeat: NONE, or REBALANCE_IN_PROGRESS when the member has to join again: for a new epoch, to give partitions up, or to get some.
 * @throws KafkaError UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION
 */
export function heartbeatConsumerGroup(
  group: ConsumerGroup,
  request: Identity & { generation: number },
  context: ConsumerContext,
): KafkaErrorName {
  const { member, classic } = classicMember(group, request)
  checkGeneration(member, request.generation)
  member.sessionDeadline = context.now.mono + classic.sessionTimeoutMs
  const { epoch, state } = member.current
  const joinsAgain =
    epoch < epochToJoin(group) ||
    state === MemberState.unrevokedPartitions ||
    (state === MemberState.unreleasedPartitions && !waitsForOthers(group, member))
  if (!joinsAgain) return 'NONE'
  awaitJoin(member, context)
  return 'REBALANCE_IN_PROGRESS'
}

/** LeaveGroup: an error for each member named; members of the new protocol leave by its heartbeat. */
export function leaveConsumerGroup(group: ConsumerGroup, leaving: readonly Identity[], context: ConsumerContext): KafkaErrorName[] {
  const gone = new Set<string>()
  const errors = leaving.map(({ memberId, instanceId }): KafkaErrorName => {
    const owner = instanceId === null ? undefined : group.statics.get(instanceId)
    if (instanceId !== null && owner === undefined) return 'UNKNOWN_MEMBER_ID'
    if (owner !== undefined && memberId !== '' && memberId !== owner) return 'FENCED_INSTANCE_ID'
    const member = group.members.get(owner ?? memberId)
    if (member === undefined || member.metadata.classic === null || gone.has(member.id)) return 'UNKNOWN_MEMBER_ID'
    gone.add(member.id)
    return 'NONE'
  })
  fence(group, [...gone], context)
  return errors
}

/**
 * The epoch below which a member has to join again: that of the target, as in Kafka. The next one is computed with the next heartbeat of the
 * new protocol; where nobody sends those (a group that may not be downgraded) a join has to do it.
 */
function epochToJoin(group: ConsumerGroup): number {
  for (const { metadata } of group.members.values()) if (metadata.classic === null) return group.targetEpoch
  return group.epoch
}

function awaitJoin(member: ConsumerMember, { now }: ConsumerContext): void {
  if (member.joinDeadline === Infinity) member.joinDeadline = now.mono + member.metadata.rebalanceTimeoutMs
}

function classicMember(group: ConsumerGroup, { memberId, instanceId }: Identity): { member: ConsumerMember; classic: ClassicMetadata } {
  const member = identifiedMember(group, memberId, instanceId)
  const { classic } = member.metadata
  if (classic === null) throw kafkaError('UNKNOWN_MEMBER_ID', `Member ${memberId} does not use the classic protocol.`)
  return { member, classic }
}

function checkGeneration({ id, current }: ConsumerMember, generation: number): void {
  if (generation === current.epoch) return
  throw kafkaError(
    'ILLEGAL_GENERATION',
    `The request generation id ${generation} is not equal to the member epoch ${current.epoch} of member ${id}.`,
  )
}
