import { kafkaError } from '../../protocol/errors.ts'
import { isWithin, NO_PARTITIONS } from '../partitions.ts'
import { decide } from './apply.ts'
import type { ConsumerContext } from './context.ts'
import type { Owned } from './reconcile.ts'
import { type ConsumerGroup, type ConsumerMember, LEAVE_STATIC_EPOCH, MemberState } from './state.ts'

/** @throws KafkaError UNKNOWN_MEMBER_ID */
export function memberOf(group: ConsumerGroup, id: string): ConsumerMember {
  const member = group.members.get(id)
  if (member === undefined) throw kafkaError('UNKNOWN_MEMBER_ID', `Member ${id} is not a member of group ${group.id}.`)
  return member
}

/** @throws KafkaError UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID when another member has the instance id by now */
export function staticMemberOf(group: ConsumerGroup, instanceId: string, memberId: string): ConsumerMember {
  const id = group.statics.get(instanceId)
  if (id === undefined) throw kafkaError('UNKNOWN_MEMBER_ID', `Instance id ${instanceId} is unknown.`)
  if (id !== memberId) {
    throw kafkaError('FENCED_INSTANCE_ID', `Static member ${memberId} with instance id ${instanceId} was fenced by member ${id}.`)
  }
  return memberOf(group, id)
}

/** By its instance id where it has one. */
export function identifiedMember(group: ConsumerGroup, memberId: string, instanceId: string | null): ConsumerMember {
  return instanceId === null ? memberOf(group, memberId) : staticMemberOf(group, instanceId, memberId)
}

/**
 * A member may be one epoch behind, when the answer that told it the new one was lost; it must then own nothing that it was not given.
 * @throws KafkaError FENCED_MEMBER_EPOCH: it has to give up everything and join again
 */
export function checkEpoch({ current }: ConsumerMember, epoch: number, owned: Owned): void {
  // Whoever was fenced, or has started anew, begins at 0.
  if (epoch === 0 || epoch === current.epoch) return
  const known = `than the one known by the group coordinator (${current.epoch}). The member must abandon all its partitions and rejoin.`
  if (epoch > current.epoch) {
    throw kafkaError('FENCED_MEMBER_EPOCH', `The consumer group member has a greater member epoch (${epoch}) ${known}`)
  }
  if (epoch !== current.previousEpoch || owned === null || !isWithin(owned, current.assigned)) {
    throw kafkaError('FENCED_MEMBER_EPOCH', `The consumer group member has a smaller member epoch (${epoch}) ${known}`)
  }
}

/** @throws KafkaError GROUP_MAX_SIZE_REACHED */
export function checkSize(size: number, isMember: boolean, maxSize: number): void {
  if (isMember || size < maxSize) return
  throw kafkaError('GROUP_MAX_SIZE_REACHED', `The consumer group has reached its maximum capacity of ${maxSize} members.`)
}

/**
 * While a static member lives its instance id is taken; one that speaks the classic protocol is replaced by whoever comes.
 * @throws KafkaError UNRELEASED_INSTANCE_ID
 */
export function checkReleased(group: ConsumerGroup, instanceId: string, memberId: string): void {
  const owner = group.members.get(group.statics.get(instanceId) ?? '')
  if (owner === undefined || owner.id === memberId || owner.metadata.classic !== null || owner.current.epoch === LEAVE_STATIC_EPOCH) return
  throw kafkaError(
    'UNRELEASED_INSTANCE_ID',
    `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is owned by ${owner.id} member.`,
  )
}

/** The new instance gets all that the old one had, under its own id. */
export function replaceStatic(group: ConsumerGroup, old: ConsumerMember, memberId: string, context: ConsumerContext): void {
  const { metadata, current } = old
  const target = group.targets.get(old.id) ?? NO_PARTITIONS
  removeMember(group, old.id, context)
  decide(group, { kind: 'member', group: group.id, member: memberId, value: metadata }, context)
  decide(group, { kind: 'member target', group: group.id, member: memberId, value: target }, context)
  const value = {
    ...current,
    epoch: 0,
    previousEpoch: 0,
    state: current.state === MemberState.unrevokedPartitions ? MemberState.stable : current.state,
  }
  decide(group, { kind: 'current', group: group.id, member: memberId, value: { ...value, revoking: NO_PARTITIONS } }, context)
}

export function removeMember(group: ConsumerGroup, member: string, context: ConsumerContext): void {
  decide(group, { kind: 'current', group: group.id, member, value: null }, context)
  decide(group, { kind: 'member target', group: group.id, member, value: null }, context)
  decide(group, { kind: 'member', group: group.id, member, value: null }, context)
}
