import type { TopicPartition } from '../../cluster/topic-partition.ts'
import type { Operation } from '../../security/acl.ts'
import type { CommittedOffset, OffsetToCommit } from '../types.ts'
import type { AdminOptions } from './calls.ts'

/** Kafka's GroupState. */
export const groupStates = [
  'PreparingRebalance',
  'CompletingRebalance',
  'Stable',
  'Dead',
  'Empty',
  'Assigning',
  'Reconciling',
  'NotReady',
] as const
/** `Unknown`: a state that is newer than this client. */
export type GroupState = (typeof groupStates)[number] | 'Unknown'

/** Kafka's GroupType: the protocol by which members share the work. */
export const groupTypes = ['classic', 'consumer', 'share', 'streams'] as const
/** `Unknown`: a newer type, or a broker too old to tell (before 3.8). */
export type GroupType = (typeof groupTypes)[number] | 'Unknown'

export interface ListGroupsOptions extends AdminOptions {
  /** Only groups in one of these states (KIP-518); default all. */
  states?: readonly Exclude<GroupState, 'Unknown'>[]
  /** Only groups of one of these types (KIP-848); default all. */
  types?: readonly Exclude<GroupType, 'Unknown'>[]
  /** Only groups of one of these protocol types: `consumer`, `connect`, or '' of those that only commit offsets; default all. */
  protocolTypes?: readonly string[]
}

export interface ListedGroup {
  groupId: string
  /** `consumer`, `connect` ...; '' of a group that only commits offsets. */
  protocolType: string
  /** `Unknown` where the broker is too old to tell (before 2.6). */
  state: GroupState
  type: GroupType
}

export interface DescribeGroupsOptions extends AdminOptions {
  /** Tells what we may do with the groups; default false. */
  includeAuthorizedOperations?: boolean
}

export interface GroupMemberDescription {
  memberId: string
  groupInstanceId: string | null
  /** Null where it has told none; in a classic group also while the members are joining. */
  rackId: string | null
  clientId: string
  clientHost: string
  assignment: TopicPartition[]
  /** What it is to have at last; null in a classic group. */
  targetAssignment: TopicPartition[] | null
  /** -1 in a classic group. */
  memberEpoch: number
  /** Whether it speaks the new protocol, in a group of the new one; undefined where the broker does not tell (before 4.0). */
  upgraded: boolean | undefined
}

export interface GroupDescription extends ListedGroup {
  /** The assignor. */
  protocol: string
  members: GroupMemberDescription[]
  /** -1 of a classic group, as is the next. */
  groupEpoch: number
  assignmentEpoch: number
  /** Only when it was asked for. */
  authorizedOperations?: Operation[]
}

export interface ClassicMemberDescription {
  memberId: string
  groupInstanceId: string | null
  clientId: string
  clientHost: string
  /** What the member said of itself when it joined, in the words of the protocol type. */
  metadata: Buffer
  assignment: Buffer
}

/** A group of the classic protocol, whatever its members are: consumers, Connect workers, a schema registry. */
export interface ClassicGroupDescription {
  groupId: string
  protocolType: string
  /** What the members have chosen of what they offered. */
  protocol: string
  state: GroupState
  members: ClassicMemberDescription[]
  /** Only when it was asked for. */
  authorizedOperations?: Operation[]
}

export interface GroupOffset extends TopicPartition, CommittedOffset {}

export interface GroupOffsetsQuestion {
  groupId: string
  /** Default: everything that it has committed. */
  partitions?: readonly TopicPartition[]
}

export interface ListGroupOffsetsOptions extends AdminOptions {
  /** Waits while a transaction with offsets of the group is open (KIP-447); default true. */
  requireStable?: boolean
}

export interface GroupOffsets {
  groupId: string
  /** Partitions without a committed offset are left out. */
  offsets: GroupOffset[]
}

/** Where a group is to go on reading. */
export type NewGroupOffset = OffsetToCommit

/** Who is to leave a group: a static member by its `group.instance.id`, another by its member id. */
export type MemberToRemove = { readonly groupInstanceId: string } | { readonly memberId: string }

export interface RemoveMembersOptions extends AdminOptions {
  /** For the broker's log (KIP-800). */
  reason?: string
}
