import type { KafkaErrorName } from '../protocol/errors.ts'
import { type Context, type ClassicGroup, GroupState, type Member, type MemberProtocol } from './group-state.ts'
import { joinFailed, syncFailed } from './group-replies.ts'

/** Who a request says it comes from. */
export interface Identity {
  readonly memberId: string
  readonly instanceId: string | null
}

/** NONE when the caller is a member; a static member whose place was taken by a newer instance is fenced (KIP-345). */
export function checkMember(group: ClassicGroup, { memberId, instanceId }: Identity): KafkaErrorName {
  if (instanceId === null) return group.members.has(memberId) ? 'NONE' : 'UNKNOWN_MEMBER_ID'
  const current = group.statics.get(instanceId)
  if (current === undefined) return 'UNKNOWN_MEMBER_ID'
  return current === memberId ? 'NONE' : 'FENCED_INSTANCE_ID'
}

/** True when a member that speaks `protocols` could be in this group: at least one is spoken by everybody. */
export function supportsProtocols(group: ClassicGroup, protocolType: string, protocols: readonly MemberProtocol[]): boolean {
  if (protocols.length === 0 || protocolType === '') return false
  if (group.state === GroupState.empty) return true
  if (group.protocolType !== protocolType) return false
  if (group.members.size === 0) return true
  const common = commonProtocols(group)
  return protocols.some((protocol) => common.has(protocol.name))
}

function commonProtocols(group: ClassicGroup): Set<string> {
  let common: Set<string> | undefined
  for (const member of group.members.values()) {
    const names = new Set(member.protocols.map((protocol) => protocol.name))
    common = common === undefined ? names : new Set([...common].filter((name) => names.has(name)))
  }
  return common ?? new Set()
}

/** Each member votes for the first of its protocols that everybody speaks; most votes win, the earlier vote on a tie. */
export function selectProtocol(group: ClassicGroup): string | null {
  const common = commonProtocols(group)
  const votes = new Map<string, number>()
  for (const member of group.members.values()) {
    const vote = member.protocols.find((protocol) => common.has(protocol.name))
    if (vote !== undefined) votes.set(vote.name, (votes.get(vote.name) ?? 0) + 1)
  }
  let best: string | null = null
  for (const [name, count] of votes) {
    if (best === null || count > votes.get(best)!) best = name
  }
  return best
}

export function sameProtocols(a: readonly MemberProtocol[], b: readonly MemberProtocol[]): boolean {
  return a.length === b.length && a.every((protocol, i) => protocol.name === b[i]!.name && protocol.metadata.equals(b[i]!.metadata))
}

export function addMember(group: ClassicGroup, member: Member, protocolType: string): void {
  if (group.members.size === 0) group.protocolType = protocolType
  group.leader ??= member.id
  group.pending.delete(member.id)
  group.members.set(member.id, member)
  if (member.instanceId !== null) group.statics.set(member.instanceId, member.id)
}

/** Takes the member out, answers what it waits for, and finds another leader if it led. */
export function removeMember(group: ClassicGroup, member: Member, { out }: Context): void {
  if (member.join !== null) out.reply(member.join, joinFailed('UNKNOWN_MEMBER_ID', ''))
  if (member.sync !== null) out.reply(member.sync, syncFailed('UNKNOWN_MEMBER_ID'))
  member.join = null
  member.sync = null
  group.members.delete(member.id)
  group.pendingSync.delete(member.id)
  if (member.instanceId !== null && group.statics.get(member.instanceId) === member.id) group.statics.delete(member.instanceId)
  if (group.leader === member.id) group.leader = group.members.keys().next().value ?? null
}

export function renewSession(member: Member, { now }: Context): void {
  member.sessionDeadline = now.mono + member.sessionTimeoutMs
}

/** How long a rebalance may take: the longest any member asks for, and never nothing, lest an absent group spins. */
export function rebalanceTimeoutMs(group: ClassicGroup): number {
  let longest = 1
  for (const member of group.members.values()) longest = Math.max(longest, member.rebalanceTimeoutMs)
  return longest
}

/** False when group.max.size is reached; members that are in already may always come back. */
export function hasRoomFor(group: ClassicGroup, memberId: string, maxSize: number): boolean {
  if (group.state === GroupState.empty || group.state === GroupState.dead) return true
  if (group.state !== GroupState.preparing) return group.members.has(memberId) || group.members.size < maxSize
  const member = group.members.get(memberId)
  if (member !== undefined && member.join !== null) return true
  let waiting = 0
  for (const other of group.members.values()) if (other.join !== null) waiting++
  return waiting < maxSize
}
