import { kafkaError, type KafkaErrorName } from '../protocol/errors.ts'
import { checkConsumerCommit, checkConsumerFetch, type PartitionCheck } from './consumer/commits.ts'
import { GroupState } from './group-state.ts'
import type { Group, GroupShard } from './group-shard.ts'
import {
  checkCommit,
  commitOffsets,
  type CommitRequest,
  deleteOffsets,
  type FetchedOffset,
  fetchOffsets,
  type OffsetToCommit,
  renewCommitter,
} from './offsets.ts'
import type { TopicPartition } from './partition-writer.ts'
import { subscriptionOf } from './subscription.ts'
import type { TopicCatalog } from './topic-catalog.ts'

/** The producer whose transaction offsets are committed in. */
export interface CommittingProducer {
  readonly producerId: number
  readonly producerEpoch: number
}

/** Since this version of OffsetCommit members of the new protocol name their epochs, and an unknown group is told as such. */
const KNOWS_EPOCHS = 9

export interface CommitSettings {
  readonly topics: TopicCatalog
  readonly maxMetadataBytes: number
}

/** OffsetCommit and TxnOffsetCommit: an error for each offset; the good ones are in the log when it returns, durable or not. */
export function commitInto(
  shard: GroupShard,
  groupId: string,
  request: CommitRequest,
  offsets: readonly OffsetToCommit[],
  settings: CommitSettings,
  producer?: CommittingProducer,
): KafkaErrorName[] {
  shard.checkWritable()
  const knowsEpochs = (request.version ?? KNOWS_EPOCHS) >= KNOWS_EPOCHS
  const known = shard.groups.get(groupId)
  if (known === undefined && request.generation >= 0) {
    return offsets.map(() => (knowsEpochs && producer === undefined ? 'GROUP_ID_NOT_FOUND' : 'ILLEGAL_GENERATION'))
  }
  const group = known ?? shard.ensure(groupId)
  const check = checkIn(group, request, { transactional: producer !== undefined, knowsEpochs }, settings.topics)
  if (typeof check === 'string') return offsets.map(() => check)
  return shard.change(
    group,
    (context) => {
      if (group.kind === 'classic') renewCommitter(group, request, context)
      const { maxMetadataBytes } = settings
      return commitOffsets(groupId, offsets, { maxMetadataBytes, retentionMs: request.retentionMs ?? -1, check }, context.now, context.out)
    },
    producer,
  )
}

function checkIn(
  group: Group,
  request: CommitRequest,
  options: { transactional: boolean; knowsEpochs: boolean },
  topics: TopicCatalog,
): KafkaErrorName | PartitionCheck {
  if (group.kind === 'consumer') {
    const check = checkConsumerCommit(group, request, options, topics)
    if (!options.transactional) return check
    // TxnOffsetCommit has no error for a stale epoch.
    return typeof check === 'string' ? asGeneration(check) : (topic, partition) => asGeneration(check(topic, partition))
  }
  const error = checkCommit(group, request, options.transactional)
  return error === 'NONE' ? () => 'NONE' : error
}

function asGeneration(error: KafkaErrorName): KafkaErrorName {
  return error === 'STALE_MEMBER_EPOCH' ? 'ILLEGAL_GENERATION' : error
}

/** Who fetches: a member of the new protocol says so, from OffsetFetch 9 on. */
export interface FetchingMember {
  readonly memberId: string | null
  readonly memberEpoch: number
}

/**
 * OffsetFetch.
 * @throws KafkaError UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH
 */
export function fetchFrom(
  shard: GroupShard,
  groupId: string,
  wanted: readonly TopicPartition[] | null,
  requireStable: boolean,
  { memberId, memberEpoch }: FetchingMember,
): FetchedOffset[] {
  const group = shard.groups.get(groupId)
  if (group?.kind === 'consumer') {
    const error = checkConsumerFetch(group, memberId, memberEpoch)
    if (error !== 'NONE') throw kafkaError(error)
  }
  return fetchOffsets(shard.offsets, groupId, wanted, requireStable)
}

/**
 * OffsetDelete: offsets of topics that a member is subscribed to stay.
 * @throws KafkaError GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP
 */
export function deleteFrom(shard: GroupShard, groupId: string, which: readonly TopicPartition[]): KafkaErrorName[] {
  const group = shard.groups.get(groupId)
  if (group === undefined) throw kafkaError('GROUP_ID_NOT_FOUND')
  if (group.kind === 'classic' && group.state !== GroupState.empty && group.protocolType !== 'consumer') throw kafkaError('NON_EMPTY_GROUP')
  shard.checkWritable()
  const isSubscribed = subscriptionOf(group)
  const gone = which.filter(({ topic }) => !isSubscribed(topic))
  shard.change(group, ({ out }) => deleteOffsets(shard.offsets, groupId, gone, out))
  return which.map(({ topic }) => (isSubscribed(topic) ? 'GROUP_SUBSCRIBED_TO_TOPIC' : 'NONE'))
}
