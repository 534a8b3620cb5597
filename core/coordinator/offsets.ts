import type { KafkaErrorName } from '../protocol/errors.ts'
import { checkMember, type Identity, renewSession } from './group-members.ts'
import type { PartitionCheck } from './consumer/commits.ts'
import { type Context, type ClassicGroup, GroupState } from './group-state.ts'
import type { Moment } from './moment.ts'
import { type OffsetsState, pendingOf } from './offsets-state.ts'
import type { Outcome } from './outcome.ts'
import type { TopicPartition } from './partition-writer.ts'

export interface OffsetToCommit extends TopicPartition {
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string | null
}

export interface CommitRequest extends Identity {
  /** -1 for a consumer that manages its partitions itself; the epoch of a member of the new protocol. */
  readonly generation: number
  /** Version of the request; what is not told by one is of the newest. */
  readonly version?: number
  /** How long the offsets are to be kept, -1 for as long as the broker's settings say. Milliseconds. */
  readonly retentionMs?: number
}

/**
 * Who may commit: a member of the current generation, or anybody while the group is empty. Inside a transaction (KIP-447)
 * the check is the same, except that a producer that names no member is trusted, and that a rebalance does not hinder.
 */
export function checkCommit(group: ClassicGroup, request: CommitRequest, transactional: boolean): KafkaErrorName {
  if (group.state === GroupState.dead) return 'COORDINATOR_NOT_AVAILABLE'
  if (request.generation < 0 && group.state === GroupState.empty) return 'NONE'
  if (request.generation >= 0 || request.memberId !== '' || request.instanceId !== null) {
    const error = checkMember(group, request)
    if (error !== 'NONE') return error
    if (request.generation !== group.generation) return 'ILLEGAL_GENERATION'
  } else if (!transactional) {
    return 'UNKNOWN_MEMBER_ID'
  }
  return !transactional && group.state === GroupState.completing ? 'REBALANCE_IN_PROGRESS' : 'NONE'
}

/** A commit is a sign of life, as a heartbeat is. */
export function renewCommitter(group: ClassicGroup, request: CommitRequest, context: Context): void {
  const member = group.members.get(request.memberId)
  if (member !== undefined && request.generation === group.generation) renewSession(member, context)
}

export interface CommitOptions {
  /** offset.metadata.max.bytes */
  readonly maxMetadataBytes: number
  readonly retentionMs: number
  /** What is to be said about single partitions. */
  readonly check: PartitionCheck
}

/** One error per offset; the good ones become records. */
export function commitOffsets(
  groupId: string,
  offsets: readonly OffsetToCommit[],
  { maxMetadataBytes, retentionMs, check }: CommitOptions,
  now: Moment,
  out: Outcome,
): KafkaErrorName[] {
  const refusal = offsets.map(({ topic, partition }) => check(topic, partition)).find((error) => error !== 'NONE')
  // All or none, as in Kafka: who names one partition that is not its own is behind with the others as well.
  if (refusal !== undefined) return offsets.map(() => refusal)
  // Who asks for ever gets as long as a number can tell.
  const expireTimestamp = retentionMs < 0 ? -1 : Math.min(Number.MAX_SAFE_INTEGER, now.wall + retentionMs)
  return offsets.map(({ topic, partition, offset, leaderEpoch, metadata }) => {
    if (metadata !== null && Buffer.byteLength(metadata) > maxMetadataBytes) return 'OFFSET_METADATA_TOO_LARGE'
    const value = { offset, leaderEpoch, metadata: metadata ?? '', commitTimestamp: now.wall, expireTimestamp }
    out.record({ kind: 'offset', group: groupId, topic, partition, value })
    return 'NONE'
  })
}

export interface FetchedOffset extends TopicPartition {
  offset: number
  leaderEpoch: number
  metadata: string
  error: KafkaErrorName
}

/**
 * Committed offsets of the partitions asked for, or of all (null). -1 where nothing is committed. With `requireStable`
 * an offset that an open transaction is about to replace is UNSTABLE_OFFSET_COMMIT (KIP-447).
 */
export function fetchOffsets(
  state: OffsetsState,
  groupId: string,
  wanted: readonly TopicPartition[] | null,
  requireStable: boolean,
): FetchedOffset[] {
  const committed = state.groups.get(groupId)
  const list = wanted ?? [...(committed?.entries() ?? [])]
  return list.map(({ topic, partition }) => {
    if (requireStable && pendingOf(state, groupId, topic, partition)) {
      return { topic, partition, offset: -1, leaderEpoch: -1, metadata: '', error: 'UNSTABLE_OFFSET_COMMIT' }
    }
    const found = committed?.get(topic, partition)
    if (found === undefined) return { topic, partition, offset: -1, leaderEpoch: -1, metadata: '', error: 'NONE' }
    return { topic, partition, offset: found.offset, leaderEpoch: found.leaderEpoch, metadata: found.metadata, error: 'NONE' }
  })
}

/** Forgets offsets: tombstones for those that exist. */
export function deleteOffsets(state: OffsetsState, groupId: string, which: Iterable<TopicPartition>, out: Outcome): void {
  const committed = state.groups.get(groupId)
  for (const { topic, partition } of which) {
    if (committed?.has(topic, partition) === true || pendingOf(state, groupId, topic, partition)) {
      out.record({ kind: 'offset', group: groupId, topic, partition, value: null })
    }
  }
}
