import type { MemberProtocol } from '../group-state.ts'
import { NO_PARTITIONS, type PartitionEpochs, type Partitions } from '../partitions.ts'
import { TopicMap } from '../topic-map.ts'

/**
 * States of a member on its way from its assignment to the one it shall have (KIP-848).
 *
 * - stable: it has what it shall have at its epoch.
 * - unrevokedPartitions: it has been told to give up partitions, and stays at its epoch until it no longer names them.
 * - unreleasedPartitions: it is at its new epoch, and waits for partitions that others have not given up yet.
 */
export const MemberState = { stable: 0, unrevokedPartitions: 1, unreleasedPartitions: 2 } as const
export type MemberStateCode = (typeof MemberState)[keyof typeof MemberState]

/** Epochs in a heartbeat that are no epochs. */
export const LEAVE_EPOCH = -1
/** A static member goes, and will be back within its session. */
export const LEAVE_STATIC_EPOCH = -2

/** What a member that speaks the classic protocol brings into a group of the new one. */
export interface ClassicMetadata {
  readonly sessionTimeoutMs: number
  readonly protocols: readonly MemberProtocol[]
}

/** Who a member is and what it wants: the record of type 5. */
export interface MemberMetadata {
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly topicNames: ReadonlySet<string>
  /** Empty when it has none. */
  readonly topicRegex: string
  readonly rebalanceTimeoutMs: number
  readonly serverAssignor: string | null
  readonly classic: ClassicMetadata | null
}

/** What a member owns: the record of type 8. */
export interface CurrentAssignment {
  readonly epoch: number
  readonly previousEpoch: number
  readonly state: MemberStateCode
  readonly assigned: PartitionEpochs
  /** Told to give up, and not yet given up. */
  readonly revoking: PartitionEpochs
}

/** Deadlines are on the monotonic clock; Infinity where nothing is waited for. */
export interface ConsumerMember {
  readonly id: string
  metadata: MemberMetadata
  current: CurrentAssignment
  sessionDeadline: number
  /** To have given up what it was told to. */
  rebalanceDeadline: number
  /** Of a classic member: to join again, and to sync after it has joined. */
  joinDeadline: number
  syncDeadline: number
}

/** Topics that a regular expression matched: the record of type 16. */
export interface ResolvedRegex {
  readonly topics: ReadonlySet<string>
  readonly version: number
  readonly timestamp: number
}

/** A group of the new protocol (KIP-848), where the coordinator assigns partitions. */
export interface ConsumerGroup {
  readonly kind: 'consumer'
  readonly id: string
  /** Goes up with every change that asks for another assignment. */
  epoch: number
  /** Of the subscribed topics as they were when the epoch was set. */
  metadataHash: bigint
  /** The epoch that the target assignment was computed for. */
  targetEpoch: number
  targetTimestamp: number
  readonly targets: Map<string, Partitions>
  readonly members: Map<string, ConsumerMember>
  /** group.instance.id -> member id. */
  readonly statics: Map<string, string>
  readonly regexes: Map<string, ResolvedRegex>
  /** Who owns a partition, or is still to give it up, by topic id. */
  readonly owners: TopicMap<string>
  /** Version of the topics that the hash was computed from; -1 when it has to be computed again. */
  topicsVersion: number
  /** Of the last look for topics that match, and when that was on the monotonic clock. */
  regexesVersion: number
  regexesAt: number
  dead: boolean
}

export type ConsumerGroupStateName = 'Empty' | 'Assigning' | 'Reconciling' | 'Stable' | 'Dead'

export function newConsumerGroup(id: string): ConsumerGroup {
  return {
    kind: 'consumer',
    id,
    // The first assignment gets another epoch than a group that has none.
    epoch: 1,
    metadataHash: 0n,
    targetEpoch: 0,
    targetTimestamp: 0,
    targets: new Map(),
    members: new Map(),
    statics: new Map(),
    regexes: new Map(),
    owners: new TopicMap(),
    topicsVersion: -1,
    regexesVersion: -1,
    regexesAt: -Infinity,
    dead: false,
  }
}

export const NO_METADATA: MemberMetadata = {
  instanceId: null,
  rackId: null,
  clientId: '',
  clientHost: '',
  topicNames: new Set(),
  topicRegex: '',
  rebalanceTimeoutMs: -1,
  serverAssignor: null,
  classic: null,
}

export const NO_ASSIGNMENT: CurrentAssignment = {
  epoch: 0,
  previousEpoch: 0,
  state: MemberState.stable,
  assigned: NO_PARTITIONS,
  revoking: NO_PARTITIONS,
}

export function newConsumerMember(id: string): ConsumerMember {
  return {
    id,
    metadata: NO_METADATA,
    current: NO_ASSIGNMENT,
    sessionDeadline: Infinity,
    rebalanceDeadline: Infinity,
    joinDeadline: Infinity,
    syncDeadline: Infinity,
  }
}

export function consumerGroupState(group: ConsumerGroup): ConsumerGroupStateName {
  if (group.dead) return 'Dead'
  if (group.members.size === 0) return 'Empty'
  if (group.epoch > group.targetEpoch) return 'Assigning'
  for (const { current } of group.members.values()) if (!isReconciled(current, group.targetEpoch)) return 'Reconciling'
  return 'Stable'
}

export function isReconciled(current: CurrentAssignment, targetEpoch: number): boolean {
  return current.state === MemberState.stable && current.epoch === targetEpoch
}

/** Topics by name that a member wants, directly and by its regular expression. */
export function* wantedTopics(group: ConsumerGroup, { topicNames, topicRegex }: MemberMetadata): Generator<string> {
  yield* topicNames
  if (topicRegex === '') return
  for (const name of group.regexes.get(topicRegex)?.topics ?? []) if (!topicNames.has(name)) yield name
}

export function wantsTopic(group: ConsumerGroup, { topicNames, topicRegex }: MemberMetadata, name: string): boolean {
  return topicNames.has(name) || (topicRegex !== '' && group.regexes.get(topicRegex)?.topics.has(name) === true)
}

export function subscribesTo(group: ConsumerGroup, name: string): boolean {
  for (const { metadata } of group.members.values()) if (wantsTopic(group, metadata, name)) return true
  return false
}
