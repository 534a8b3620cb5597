import { KafkaError, kafkaError, type KafkaErrorName } from '../../protocol/errors.ts'
import { heartbeat, leave, sync, type SyncRequest } from '../group.ts'
import { join, type JoinRequest } from '../group-join.ts'
import type { Identity } from '../group-members.ts'
import { joinFailed } from '../group-replies.ts'
import { type ClassicGroup, GroupState, newGroup } from '../group-state.ts'
import type { Ticket } from '../outcome.ts'
import { heartbeatConsumerGroup, joinConsumerGroup, leaveConsumerGroup, syncConsumerGroup } from './classic-members.ts'
import type { ConsumerContext } from './context.ts'
import { checkMembership, consumerHeartbeat, type ConsumerHeartbeatReply } from './heartbeat.ts'
import type { ConsumerHeartbeat } from './heartbeat-request.ts'
import { consumerLeave } from './leave.ts'
import { checkSize } from './membership.ts'
import { checkRegex } from './regexes.ts'
import { type ConsumerGroup, LEAVE_EPOCH, LEAVE_STATIC_EPOCH, newConsumerGroup } from './state.ts'
import { buryConsumerGroup } from './tombstones.ts'
import { upgraded } from './upgrade.ts'

/** Requests that may meet a group of either kind, and may turn one into the other. */

type Group = ClassicGroup | ConsumerGroup
type Known = Group | undefined

/**
 * ConsumerGroupHeartbeat, which has been checked. Joining makes the group when there is none, and turns a classic one into one of the
 * new protocol.
 * @throws KafkaError GROUP_ID_NOT_FOUND and what {@link checkMembership} throws
 */
export function heartbeatOrLeave(
  groupId: string,
  known: Known,
  request: ConsumerHeartbeat,
  context: ConsumerContext,
): ConsumerHeartbeatReply {
  const { memberId, memberEpoch } = request
  if (memberEpoch === LEAVE_EPOCH || memberEpoch === LEAVE_STATIC_EPOCH) {
    consumerLeave(existing(groupId, known), request, context)
    return { memberId, memberEpoch, heartbeatIntervalMs: 0, assignment: null }
  }
  if (memberEpoch > 0 || known?.kind === 'consumer') {
    const group = existing(groupId, known)
    checkMembership(group, request, context)
    return consumerHeartbeat(group, request, context)
  }
  checkSize(known?.members.size ?? 0, false, context.config.consumerMaxSize)
  if (request.topicRegex !== null && request.topicRegex !== '') checkRegex(undefined, request.topicRegex)
  const group = made(groupId, known, context)
  context.replace(group)
  return consumerHeartbeat(group, request, context)
}

function existing(groupId: string, known: Known): ConsumerGroup {
  if (known === undefined) throw kafkaError('GROUP_ID_NOT_FOUND', `Consumer group ${groupId} not found.`)
  if (known.kind !== 'consumer') throw kafkaError('GROUP_ID_NOT_FOUND', `Group ${groupId} is not a consumer group.`)
  return known
}

function made(groupId: string, known: ClassicGroup | undefined, context: ConsumerContext): ConsumerGroup {
  if (known === undefined) return newConsumerGroup(groupId)
  if (known.state !== GroupState.empty) return upgraded(known, context)
  if (known.generation > 0) context.out.record({ kind: 'group', group: groupId, value: null })
  return newConsumerGroup(groupId)
}

/** JoinGroup. A group of the new protocol that has no members becomes a classic one. */
export function joinEither(group: Group, request: JoinRequest, ticket: Ticket, context: ConsumerContext): void {
  if (group.kind === 'classic') return join(group, request, ticket, context)
  if (group.members.size > 0) {
    try {
      return joinConsumerGroup(group, request, ticket, context)
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      return context.out.reply(ticket, joinFailed(error.kafkaCode, ''))
    }
  }
  if (request.memberId !== '') return context.out.reply(ticket, joinFailed('UNKNOWN_MEMBER_ID', request.memberId))
  buryConsumerGroup(group, context)
  const classic = newGroup(group.id, context.now)
  context.replace(classic)
  join(classic, request, ticket, context)
}

/** SyncGroup. */
export function syncEither(group: Group, request: SyncRequest, ticket: Ticket, context: ConsumerContext): void {
  if (group.kind === 'classic') sync(group, request, ticket, context)
  else context.out.reply(ticket, syncConsumerGroup(group, request, context))
}

/** Heartbeat. */
export function heartbeatEither(group: Group, request: Identity & { generation: number }, context: ConsumerContext): KafkaErrorName {
  return group.kind === 'classic' ? heartbeat(group, request, context) : heartbeatConsumerGroup(group, request, context)
}

/** LeaveGroup: an error for each member named. */
export function leaveEither(group: Group, leaving: readonly Identity[], context: ConsumerContext): KafkaErrorName[] {
  return group.kind === 'classic' ? leave(group, leaving, context) : leaveConsumerGroup(group, leaving, context)
}
