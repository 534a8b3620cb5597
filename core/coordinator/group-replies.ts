import type { KafkaErrorName } from '../protocol/errors.ts'
import { type ClassicGroup, GroupState, type Member, metadataOf } from './group-state.ts'

export interface JoinReply {
  error: KafkaErrorName
  generation: number
  protocolType: string | null
  protocolName: string | null
  leader: string
  /** KIP-814: the leader keeps the assignment it has. */
  skipAssignment: boolean
  memberId: string
  /** Filled for the leader only. */
  members: { memberId: string; instanceId: string | null; metadata: Buffer }[]
}

export interface SyncReply {
  error: KafkaErrorName
  protocolType: string | null
  protocolName: string | null
  assignment: Buffer
}

const NOTHING = Buffer.alloc(0)

export function joinFailed(error: KafkaErrorName, memberId: string): JoinReply {
  return { error, generation: -1, protocolType: null, protocolName: null, leader: '', skipAssignment: false, memberId, members: [] }
}

export function joined(
  group: ClassicGroup,
  member: Member,
  options: { leader?: string; skipAssignment?: boolean; withMembers?: boolean } = {},
): JoinReply {
  return {
    error: 'NONE',
    generation: group.generation,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: options.leader ?? group.leader ?? '',
    skipAssignment: options.skipAssignment ?? false,
    memberId: member.id,
    members: options.withMembers === true ? describeForLeader(group) : [],
  }
}

function describeForLeader(group: ClassicGroup): JoinReply['members'] {
  return [...group.members.values()].map((member) => ({
    memberId: member.id,
    instanceId: member.instanceId,
    metadata: metadataOf(member, group.protocolName),
  }))
}

export function syncFailed(error: KafkaErrorName): SyncReply {
  return { error, protocolType: null, protocolName: null, assignment: NOTHING }
}

export function synced(group: ClassicGroup, member: Member): SyncReply {
  return { error: 'NONE', protocolType: group.protocolType, protocolName: group.protocolName, assignment: member.assignment }
}

export interface GroupDescription {
  groupId: string
  state: string
  protocolType: string
  protocolName: string
  members: { memberId: string; instanceId: string | null; clientId: string; clientHost: string; metadata: Buffer; assignment: Buffer }[]
}

/** As DescribeGroups shows it: protocol and metadata only once the group is stable, assignments as they were last. */
export function describeGroup(group: ClassicGroup): GroupDescription {
  const stable = group.state === GroupState.stable
  return {
    groupId: group.id,
    state: group.state,
    protocolType: group.protocolType ?? '',
    protocolName: stable ? (group.protocolName ?? '') : '',
    members: [...group.members.values()].map((member) => ({
      memberId: member.id,
      instanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      metadata: stable ? metadataOf(member, group.protocolName) : NOTHING,
      assignment: member.assignment,
    })),
  }
}
