import { addMember, rebalanceTimeoutMs, removeMember, renewSession, selectProtocol } from './group-members.ts'
import { joined, syncFailed } from './group-replies.ts'
import { type Context, type ClassicGroup, GroupState, type Member, setState, snapshotOf } from './group-state.ts'

/** Starts a rebalance, unless one is being prepared already; then it looks whether that one can end. */
export function rebalance(group: ClassicGroup, context: Context): void {
  if (group.state === GroupState.dead) return
  const isFirst = group.state === GroupState.empty
  if (group.state !== GroupState.preparing) prepare(group, context)
  // A group that begins waits its initial delay, and for nobody: who was given an id may never come back.
  if (isFirst && group.initialDelay === null) completeJoin(group, context)
  else completeJoinIfReady(group, context)
}

function prepare(group: ClassicGroup, context: Context): void {
  const { now, config } = context
  if (group.state === GroupState.completing) refuseSyncs(group, context)
  const timeoutMs = rebalanceTimeoutMs(group)
  if (group.state === GroupState.empty && config.groupInitialRebalanceDelayMs > 0) {
    const delayMs = Math.min(config.groupInitialRebalanceDelayMs, timeoutMs)
    group.initialDelay = { until: now.mono + delayMs, remainingMs: timeoutMs - delayMs, newMember: false }
  }
  group.pendingSync.clear()
  group.syncDeadline = Infinity
  group.joinDeadline = now.mono + timeoutMs
  setState(group, GroupState.preparing, now)
}

function refuseSyncs(group: ClassicGroup, context: Context): void {
  for (const member of group.members.values()) {
    member.assignment = Buffer.alloc(0)
    if (member.sync === null) continue
    context.out.reply(member.sync, syncFailed('REBALANCE_IN_PROGRESS'))
    member.sync = null
    renewSession(member, context)
  }
}

/** Ends the joining when nobody is missing: every member has joined and every member id handed out has come back. */
export function completeJoinIfReady(group: ClassicGroup, context: Context): void {
  if (group.state !== GroupState.preparing || group.initialDelay !== null || group.pending.size > 0) return
  for (const member of group.members.values()) if (member.join === null) return
  completeJoin(group, context)
}

/** Time is up or all are here: the next generation consists of those who joined, and of static members who did not (KIP-345). */
export function completeJoin(group: ClassicGroup, context: Context): void {
  const { now, out } = context
  group.initialDelay = null
  for (const member of group.members.values()) {
    if (member.join === null && member.instanceId === null) removeMember(group, member, context)
  }
  if (group.members.size > 0 && !electJoinedLeader(group)) {
    // Only static members, and none of them here: they keep their places, the rebalance gets another round.
    group.joinDeadline = now.mono + rebalanceTimeoutMs(group)
    return
  }
  group.joinDeadline = Infinity
  group.generation++
  if (group.members.size === 0) {
    group.protocolName = null
    group.leader = null
    setState(group, GroupState.empty, now)
    out.record({ kind: 'group', group: group.id, value: snapshotOf(group) })
    return
  }
  group.protocolName = selectProtocol(group)
  group.syncDeadline = now.mono + rebalanceTimeoutMs(group)
  setState(group, GroupState.completing, now)
  for (const member of group.members.values()) answerJoin(group, member, context)
}

function answerJoin(group: ClassicGroup, member: Member, context: Context): void {
  group.pendingSync.add(member.id)
  member.isNew = false
  renewSession(member, context)
  if (member.join === null) return
  context.out.reply(member.join, joined(group, member, { withMembers: member.id === group.leader }))
  member.join = null
}

function electJoinedLeader(group: ClassicGroup): boolean {
  const leader = group.leader === null ? undefined : group.members.get(group.leader)
  if (leader !== undefined && leader.join !== null) return true
  for (const member of group.members.values()) {
    if (member.join === null) continue
    group.leader = member.id
    return true
  }
  return false
}

/** A member that did not exist joins; it waits in its JoinGroup until the rebalance ends. */
export function addMemberAndRebalance(group: ClassicGroup, member: Member, protocolType: string, context: Context): void {
  addMember(group, member, protocolType)
  if (group.initialDelay !== null) group.initialDelay.newMember = true
  rebalance(group, context)
}
