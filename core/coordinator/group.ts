import type { KafkaErrorName } from '../protocol/errors.ts'
import { checkMember, type Identity, removeMember, renewSession } from './group-members.ts'
import { completeJoin, completeJoinIfReady, rebalance } from './group-rebalance.ts'
import { synced, syncFailed } from './group-replies.ts'
import { type Context, type ClassicGroup, GroupState, setState, snapshotOf } from './group-state.ts'
import type { Ticket } from './outcome.ts'

export interface SyncRequest extends Identity {
  readonly generation: number
  /** KIP-559, SyncGroup v5+: must be what the group has. */
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly assignments: readonly { memberId: string; assignment: Buffer }[]
}

/** SyncGroup. The leader's one carries the assignment and is answered when that is durable; the others wait for it. */
export function sync(group: ClassicGroup, request: SyncRequest, ticket: Ticket, context: Context): void {
  const { out } = context
  const error = checkSync(group, request)
  if (error !== 'NONE') return out.reply(ticket, syncFailed(error))
  const member = group.members.get(request.memberId)!
  group.pendingSync.delete(member.id)
  if (group.pendingSync.size === 0) group.syncDeadline = Infinity
  if (group.state === GroupState.stable) {
    renewSession(member, context)
    return out.reply(ticket, synced(group, member))
  }
  if (member.sync !== null) out.reply(member.sync, syncFailed('REBALANCE_IN_PROGRESS'))
  member.sync = ticket
  if (group.leader === member.id) assign(group, request.assignments, context)
}

function checkSync(group: ClassicGroup, request: SyncRequest): KafkaErrorName {
  if (group.state === GroupState.dead) return 'COORDINATOR_NOT_AVAILABLE'
  const error = checkMember(group, request)
  if (error !== 'NONE') return error
  if (request.generation !== group.generation) return 'ILLEGAL_GENERATION'
  if (request.protocolType !== null && request.protocolType !== group.protocolType) return 'INCONSISTENT_GROUP_PROTOCOL'
  if (request.protocolName !== null && request.protocolName !== group.protocolName) return 'INCONSISTENT_GROUP_PROTOCOL'
  if (group.state === GroupState.preparing) return 'REBALANCE_IN_PROGRESS'
  return group.state === GroupState.empty ? 'UNKNOWN_MEMBER_ID' : 'NONE'
}

function assign(group: ClassicGroup, assignments: SyncRequest['assignments'], context: Context): void {
  const given = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment]))
  for (const member of group.members.values()) member.assignment = given.get(member.id) ?? Buffer.alloc(0)
  setState(group, GroupState.stable, context.now)
  context.out.record({ kind: 'group', group: group.id, value: snapshotOf(group) })
  for (const member of group.members.values()) {
    if (member.sync === null) continue
    context.out.reply(member.sync, synced(group, member))
    member.sync = null
    renewSession(member, context)
  }
}

/** Heartbeat: NONE, or what the member has to do next. */
export function heartbeat(group: ClassicGroup, request: Identity & { generation: number }, context: Context): KafkaErrorName {
  if (group.state === GroupState.dead) return 'COORDINATOR_NOT_AVAILABLE'
  const error = checkMember(group, request)
  if (error !== 'NONE') return error
  if (request.generation !== group.generation) return 'ILLEGAL_GENERATION'
  if (group.state === GroupState.empty) return 'UNKNOWN_MEMBER_ID'
  renewSession(group.members.get(request.memberId)!, context)
  return group.state === GroupState.preparing ? 'REBALANCE_IN_PROGRESS' : 'NONE'
}

/** LeaveGroup: one error per member named. A static member may be named by its instance id alone (by an administrator). */
export function leave(group: ClassicGroup, leaving: readonly Identity[], context: Context): KafkaErrorName[] {
  if (group.state === GroupState.dead) return leaving.map(() => 'COORDINATOR_NOT_AVAILABLE')
  let removed = false
  const errors = leaving.map(({ memberId, instanceId }): KafkaErrorName => {
    if (group.pending.delete(memberId)) {
      // One that was on its way into the group counts as one that was in it, as in Kafka.
      removed = true
      return 'NONE'
    }
    const byInstance = instanceId !== null && memberId === ''
    const id = byInstance ? (group.statics.get(instanceId) ?? '') : memberId
    const error = checkMember(group, { memberId: id, instanceId })
    if (error !== 'NONE') return error
    removeMember(group, group.members.get(id)!, context)
    removed = true
    return 'NONE'
  })
  if (removed) afterRemoval(group, context)
  else completeJoinIfReady(group, context)
  return errors
}

function afterRemoval(group: ClassicGroup, context: Context): void {
  if (group.state === GroupState.preparing) completeJoinIfReady(group, context)
  else if (group.state !== GroupState.empty) rebalance(group, context)
}

/** When {@link tick} has something to do next, on the monotonic clock; Infinity when never. */
export function nextDeadline(group: ClassicGroup): number {
  let next = Math.min(group.initialDelay?.until ?? group.joinDeadline, group.syncDeadline)
  for (const deadline of group.pending.values()) next = Math.min(next, deadline)
  for (const member of group.members.values()) {
    if (member.isNew || (member.join === null && member.sync === null)) next = Math.min(next, member.sessionDeadline)
  }
  return next
}

/** Does what has fallen due: expired sessions and member ids, the end of joining, members that never synced. */
export function tick(group: ClassicGroup, context: Context): void {
  if (group.state === GroupState.dead) return
  expireMembers(group, context)
  const { mono } = context.now
  if (group.syncDeadline <= mono) expireSyncs(group, context)
  if (group.state !== GroupState.preparing) return
  const delay = group.initialDelay
  if (delay === null) {
    if (group.joinDeadline <= mono) completeJoin(group, context)
  } else if (delay.until <= mono) {
    if (delay.newMember && delay.remainingMs > 0) {
      const more = Math.min(context.config.groupInitialRebalanceDelayMs, delay.remainingMs)
      group.initialDelay = { until: mono + more, remainingMs: delay.remainingMs - more, newMember: false }
    } else {
      completeJoin(group, context)
    }
  }
}

function expireMembers(group: ClassicGroup, context: Context): void {
  const { mono } = context.now
  let removed = false
  for (const [id, deadline] of group.pending) {
    if (deadline <= mono) group.pending.delete(id)
  }
  for (const member of group.members.values()) {
    const waits = !member.isNew && (member.join !== null || member.sync !== null)
    if (waits || member.sessionDeadline > mono) continue
    removeMember(group, member, context)
    removed = true
  }
  if (removed) afterRemoval(group, context)
  else completeJoinIfReady(group, context)
}

function expireSyncs(group: ClassicGroup, context: Context): void {
  group.syncDeadline = Infinity
  for (const id of group.pendingSync) {
    const member = group.members.get(id)
    if (member !== undefined) removeMember(group, member, context)
  }
  rebalance(group, context)
}
