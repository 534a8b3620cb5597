import type { Moment } from './moment.ts'
import type { Outcome, Ticket } from './outcome.ts'

/**
 * States of a group of the classic protocol.
 *
 * - Empty: no members, offsets may remain. Answers joins (-> PreparingRebalance), offset commits of simple consumers,
 *   deletion (-> Dead); everything that needs a member gets UNKNOWN_MEMBER_ID.
 * - PreparingRebalance: waits for members to join. Joins are held back; heartbeats and syncs get REBALANCE_IN_PROGRESS;
 *   offset commits of the old generation are taken. All joined or time is up -> CompletingRebalance, nobody -> Empty.
 * - CompletingRebalance: waits for the leader's assignment. Syncs are held back; offset commits get
 *   REBALANCE_IN_PROGRESS. The leader syncs -> Stable; a join, a leave or an expired session -> PreparingRebalance.
 * - Stable: everybody has the assignment. Answers everything at once; a join that changes something, a leave or an
 *   expired session -> PreparingRebalance.
 * - Dead: removed. Nothing leads out of it; answers COORDINATOR_NOT_AVAILABLE, so that the client asks again.
 */
export const GroupState = {
  empty: 'Empty',
  preparing: 'PreparingRebalance',
  completing: 'CompletingRebalance',
  stable: 'Stable',
  dead: 'Dead',
} as const

export type GroupStateName = (typeof GroupState)[keyof typeof GroupState]

/** One assignor (or other protocol) a member can speak, with the bytes it wants the leader to see. */
export interface MemberProtocol {
  name: string
  metadata: Buffer
}

export interface Member {
  id: string
  readonly instanceId: string | null
  clientId: string
  clientHost: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  protocols: readonly MemberProtocol[]
  assignment: Buffer
  /** The JoinGroup that waits for the rebalance, if any. */
  join: Ticket | null
  /** The SyncGroup that waits for the leader, if any. */
  sync: Ticket | null
  /** True until its first join is answered: such a member is given more time than a session (it sends no heartbeats). */
  isNew: boolean
  /** On the monotonic clock. */
  sessionDeadline: number
}

/** Waiting for more members of a group that was empty: the rebalance may be put off until `remainingMs` is used up. */
export interface InitialDelay {
  until: number
  remainingMs: number
  newMember: boolean
}

export interface ClassicGroup {
  readonly kind: 'classic'
  readonly id: string
  state: GroupStateName
  /** Wall time of the last change of state; offsets of an empty group expire from here. */
  stateSince: number
  generation: number
  protocolType: string | null
  protocolName: string | null
  leader: string | null
  readonly members: Map<string, Member>
  /** group.instance.id -> member id. */
  readonly statics: Map<string, string>
  /** Member ids handed out with MEMBER_ID_REQUIRED that have not come back, with their deadlines. */
  readonly pending: Map<string, number>
  /** Members of this generation whose SyncGroup has not come yet. */
  readonly pendingSync: Set<string>
  joinDeadline: number
  syncDeadline: number
  initialDelay: InitialDelay | null
}

/** Limits and delays of groups, in Kafka's names. */
export interface GroupConfig {
  readonly groupMinSessionTimeoutMs: number
  readonly groupMaxSessionTimeoutMs: number
  readonly groupInitialRebalanceDelayMs: number
  readonly groupMaxSize: number
  /** How long a member may wait in its first JoinGroup. */
  readonly newMemberJoinTimeoutMs: number
  /** group.consumer.max.size */
  readonly consumerMaxSize: number
  /** group.consumer.session.timeout.ms, or consumer.session.timeout.ms of the group */
  readonly consumerSessionTimeoutMs: number
  /** group.consumer.heartbeat.interval.ms, or consumer.heartbeat.interval.ms of the group */
  readonly consumerHeartbeatIntervalMs: number
  /** group.consumer.assignment.interval.ms, or consumer.assignment.interval.ms of the group */
  readonly consumerAssignmentIntervalMs: number
  /** group.consumer.regex.refresh.interval.ms */
  readonly consumerRegexRefreshIntervalMs: number
  /** group.consumer.assignors, the first is the default */
  readonly consumerAssignors: readonly string[]
  /** group.consumer.migration.policy: which kind of group may become which while it has members */
  readonly consumerMigrationPolicy: MigrationPolicy
}

export const migrationPolicies = ['bidirectional', 'upgrade', 'downgrade', 'disabled'] as const
export type MigrationPolicy = (typeof migrationPolicies)[number]

/** Everything an operation works with besides the request: the time, the settings, and where results go. */
export interface Context {
  readonly now: Moment
  readonly config: GroupConfig
  readonly out: Outcome
}

export function newGroup(id: string, now: Moment): ClassicGroup {
  return {
    kind: 'classic',
    id,
    state: GroupState.empty,
    stateSince: now.wall,
    generation: 0,
    protocolType: null,
    protocolName: null,
    leader: null,
    members: new Map(),
    statics: new Map(),
    pending: new Map(),
    pendingSync: new Set(),
    joinDeadline: Infinity,
    syncDeadline: Infinity,
    initialDelay: null,
  }
}

export function setState(group: ClassicGroup, state: GroupStateName, now: Moment): void {
  group.state = state
  group.stateSince = now.wall
}

/** What __consumer_offsets keeps of a group: enough to continue in Stable after a restart. */
export interface GroupSnapshot {
  protocolType: string
  generation: number
  protocolName: string | null
  leader: string | null
  stateSince: number
  members: readonly MemberSnapshot[]
}

export interface MemberSnapshot {
  id: string
  instanceId: string | null
  clientId: string
  clientHost: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  subscription: Buffer
  assignment: Buffer
}

const NOTHING = Buffer.alloc(0)

export function metadataOf(member: Member, protocolName: string | null): Buffer {
  return member.protocols.find((protocol) => protocol.name === protocolName)?.metadata ?? NOTHING
}

export function snapshotOf(group: ClassicGroup): GroupSnapshot {
  return {
    protocolType: group.protocolType ?? '',
    generation: group.generation,
    protocolName: group.protocolName,
    leader: group.leader,
    stateSince: group.stateSince,
    members: [...group.members.values()].map((member) => ({
      id: member.id,
      instanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      sessionTimeoutMs: member.sessionTimeoutMs,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      subscription: metadataOf(member, group.protocolName),
      assignment: member.assignment,
    })),
  }
}

/** The group as it was when the snapshot was taken: Stable with its members, whose sessions start anew, or Empty. */
export function restoreGroup(id: string, snapshot: GroupSnapshot, now: Moment): ClassicGroup {
  const group = newGroup(id, now)
  group.state = snapshot.members.length > 0 ? GroupState.stable : GroupState.empty
  group.stateSince = snapshot.stateSince >= 0 ? snapshot.stateSince : now.wall
  group.generation = snapshot.generation
  group.protocolType = snapshot.protocolType === '' ? null : snapshot.protocolType
  group.protocolName = snapshot.protocolName
  group.leader = snapshot.leader
  for (const { id: memberId, instanceId, subscription, ...rest } of snapshot.members) {
    const protocols = snapshot.protocolName === null ? [] : [{ name: snapshot.protocolName, metadata: subscription }]
    const sessionDeadline = now.mono + rest.sessionTimeoutMs
    group.members.set(memberId, { id: memberId, instanceId, ...rest, protocols, join: null, sync: null, isNew: false, sessionDeadline })
    if (instanceId !== null) group.statics.set(instanceId, memberId)
  }
  return group
}
