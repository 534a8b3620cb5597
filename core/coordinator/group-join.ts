import { addMemberAndRebalance, completeJoinIfReady, rebalance } from './group-rebalance.ts'
import { checkMember, hasRoomFor, removeMember, renewSession, sameProtocols, selectProtocol, supportsProtocols } from './group-members.ts'
import { joined, joinFailed, syncFailed } from './group-replies.ts'
import { type Context, type ClassicGroup, GroupState, type Member, type MemberProtocol, snapshotOf } from './group-state.ts'
import type { Ticket } from './outcome.ts'

export interface JoinRequest {
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly protocolType: string
  readonly protocols: readonly MemberProtocol[]
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** A dynamic member gets its id first and joins with it afterwards (KIP-394, JoinGroup v4+). */
  readonly requiresKnownMemberId: boolean
  /** The client understands skipAssignment (KIP-814, JoinGroup v9+). */
  readonly supportsSkippingAssignment: boolean
  /** The member id to give to a member that has none. */
  readonly freshMemberId: string
}

/** JoinGroup. The answer comes at once when the group is stable and nothing changes, else when the rebalance ends. */
export function join(group: ClassicGroup, request: JoinRequest, ticket: Ticket, context: Context): void {
  const { out, config } = context
  const refuse = (error: Parameters<typeof joinFailed>[0]): void => out.reply(ticket, joinFailed(error, request.memberId))
  if (group.state === GroupState.dead) return refuse('COORDINATOR_NOT_AVAILABLE')
  if (!hasRoomFor(group, request.memberId, config.groupMaxSize)) {
    const member = group.members.get(request.memberId)
    if (member !== undefined) removeMember(group, member, context)
    group.pending.delete(request.memberId)
    completeJoinIfReady(group, context)
    return out.reply(ticket, joinFailed('GROUP_MAX_SIZE_REACHED', ''))
  }
  if (!supportsProtocols(group, request.protocolType, request.protocols)) return refuse('INCONSISTENT_GROUP_PROTOCOL')
  if (request.memberId === '') return joinNew(group, request, ticket, context)
  if (group.pending.has(request.memberId) && request.instanceId === null)
    return joinFirst(group, request, request.memberId, ticket, context)
  const error = checkMember(group, request)
  if (error !== 'NONE') return refuse(error)
  rejoin(group, group.members.get(request.memberId)!, request, ticket, context)
}

function joinNew(group: ClassicGroup, request: JoinRequest, ticket: Ticket, context: Context): void {
  const { now, out } = context
  const known = request.instanceId === null ? undefined : group.statics.get(request.instanceId)
  if (known !== undefined) return replaceStatic(group, group.members.get(known)!, request, ticket, context)
  if (request.instanceId === null && request.requiresKnownMemberId) {
    if (group.pending.size >= context.config.groupMaxSize) return out.reply(ticket, joinFailed('GROUP_MAX_SIZE_REACHED', ''))
    group.pending.set(request.freshMemberId, now.mono + request.sessionTimeoutMs)
    return out.reply(ticket, joinFailed('MEMBER_ID_REQUIRED', request.freshMemberId))
  }
  joinFirst(group, request, request.freshMemberId, ticket, context)
}

function joinFirst(group: ClassicGroup, request: JoinRequest, memberId: string, ticket: Ticket, context: Context): void {
  const member: Member = {
    id: memberId,
    instanceId: request.instanceId,
    clientId: request.clientId,
    clientHost: request.clientHost,
    sessionTimeoutMs: request.sessionTimeoutMs,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs,
    protocols: request.protocols,
    assignment: Buffer.alloc(0),
    join: ticket,
    sync: null,
    isNew: true,
    sessionDeadline: context.now.mono + context.config.newMemberJoinTimeoutMs,
  }
  addMemberAndRebalance(group, member, request.protocolType, context)
}

function rejoin(group: ClassicGroup, member: Member, request: JoinRequest, ticket: Ticket, context: Context): void {
  const unchanged = sameProtocols(member.protocols, request.protocols)
  // The leader of a stable group joins again because the topics changed; a follower's repeated join is a lost answer.
  const force = group.state === GroupState.stable && group.leader === member.id
  if (group.state !== GroupState.preparing && unchanged && !force) {
    renewSession(member, context)
    const withMembers = group.state === GroupState.completing && group.leader === member.id
    return context.out.reply(ticket, joined(group, member, { withMembers }))
  }
  update(member, request, ticket, context)
  rebalance(group, context)
}

function update(member: Member, request: JoinRequest, ticket: Ticket, context: Context): void {
  // The client lost patience with its earlier request and sent another one; the earlier one is answered, not dropped.
  if (member.join !== null) context.out.reply(member.join, joinFailed('REBALANCE_IN_PROGRESS', member.id))
  member.join = ticket
  member.clientId = request.clientId
  member.clientHost = request.clientHost
  member.sessionTimeoutMs = request.sessionTimeoutMs
  member.rebalanceTimeoutMs = request.rebalanceTimeoutMs
  member.protocols = request.protocols
  if (!member.isNew) renewSession(member, context)
}

/**
 * A new instance takes the place of a static member: it gets a new member id and the assignment of the old one, whose
 * requests are fenced from now on. In a stable group nobody else notices, as long as the selected protocol stays.
 */
function replaceStatic(group: ClassicGroup, member: Member, request: JoinRequest, ticket: Ticket, context: Context): void {
  const oldId = member.id
  const wasLeader = group.leader === oldId
  fenceOldInstance(member, context)
  rename(group, member, request.freshMemberId)
  update(member, request, ticket, context)
  if (group.state === GroupState.stable && selectProtocol(group) === group.protocolName) {
    member.join = null
    context.out.record({ kind: 'group', group: group.id, value: snapshotOf(group) })
    // A client that does not know skipAssignment must not believe that it leads, else it would assign anew.
    const answer = request.supportsSkippingAssignment
      ? joined(group, member, { skipAssignment: wasLeader, withMembers: wasLeader })
      : joined(group, member, wasLeader ? { leader: oldId } : {})
    return context.out.reply(ticket, answer)
  }
  // In CompletingRebalance the leader may already have seen the old id, so its assignment would miss the new one.
  if (group.state === GroupState.preparing) completeJoinIfReady(group, context)
  else rebalance(group, context)
}

function fenceOldInstance(member: Member, { out }: Context): void {
  if (member.join !== null) out.reply(member.join, joinFailed('FENCED_INSTANCE_ID', member.id))
  if (member.sync !== null) out.reply(member.sync, syncFailed('FENCED_INSTANCE_ID'))
  member.join = null
  member.sync = null
}

/** Keeps the member's place in the order of members, which the range assignor's input order depends on. */
function rename(group: ClassicGroup, member: Member, id: string): void {
  const oldId = member.id
  const members = [...group.members.values()]
  member.id = id
  group.members.clear()
  for (const each of members) group.members.set(each.id, each)
  group.statics.set(member.instanceId!, id)
  if (group.leader === oldId) group.leader = id
  if (group.pendingSync.delete(oldId)) group.pendingSync.add(id)
}
