import type { Cluster } from '../cluster/cluster.ts'
import type { BrokerConnection } from '../cluster/connection.ts'
import { byTopic } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import { errorName, kafkaError, throwOnError } from '../protocol/errors.ts'
import { OffsetCommit } from '../protocol/messages/offset-commit.ts'
import { AdminError } from './admin/admin-error.ts'
import { AdminCalls } from './admin/calls.ts'
import type { GroupOffset } from './admin/group-types.ts'
import { listOffsets } from './admin/list-offsets.ts'
import type { OffsetAnswer, OffsetQuestion } from './admin/record-types.ts'
import { fetchOffsetsOfGroups, VERSION_WITH_NAMES_MAX } from './offset-fetch.ts'
import type { GroupMetadata, Isolation, OffsetToCommit } from './types.ts'

export type { GroupOffset }

/**
 * Asks the leaders for offsets, as {@link Admin.listOffsets} does; topics that are new are waited for, and none is created by looking. The answers
 * come in the order of the questions.
 *
 * @throws MoldauError for the first question that failed
 */
export async function findOffsets(
  cluster: Cluster,
  questions: readonly OffsetQuestion[],
  isolationLevel: Isolation,
  timeoutMs: number,
): Promise<OffsetAnswer[]> {
  for (const topic of new Set(questions.map((question) => question.topic))) await cluster.topic(topic, false)
  try {
    return await listOffsets(new AdminCalls(cluster, timeoutMs), questions, { isolationLevel })
  } catch (error) {
    throw error instanceof AdminError ? error.cause : error
  }
}

/** Positions as they are written into requests that commit. */
export function committedTopics(offsets: readonly Omit<OffsetToCommit, 'topicId'>[]) {
  return [...byTopic(offsets)].map(([name, list]) => ({
    name,
    partitions: list.map((o) => ({
      partitionIndex: o.partition,
      committedOffset: o.offset,
      committedLeaderEpoch: o.leaderEpoch ?? -1,
      committedMetadata: o.metadata ?? '',
    })),
  }))
}

/** A position, with the topic that was read where that is known. */
export type OffsetOfTopic = Omit<OffsetToCommit, 'topicId'> & { readonly topicId: string | undefined }

interface CommitAnswer {
  readonly name: string
  readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[]
}

/** @throws KafkaError naming the first position that was refused */
export function checkCommitted(topics: readonly CommitAnswer[], groupId: string): void {
  for (const topic of topics) {
    for (const { partitionIndex, errorCode } of topic.partitions) {
      const error = errorName(errorCode)
      if (error !== 'NONE') throw kafkaError(error, `commit the offset of ${topic.name}-${partitionIndex} for group '${groupId}'`)
    }
  }
}

/**
 * Commits positions of a group. The generation and member id let the coordinator refuse a member that has been replaced.
 * Where the coordinator goes by topic ids, a topic that was created again under its name does not get the position of the old one.
 */
export async function commitGroupOffsets(
  connection: BrokerConnection,
  group: GroupMetadata,
  offsets: readonly OffsetOfTopic[],
): Promise<void> {
  const byId = Map.groupBy(offsets, ({ topicId }) => topicId)
  const known = [...byId].flatMap(([topicId, list]) =>
    topicId === undefined ? [] : committedTopics(list).map((topic) => ({ ...topic, topicId })),
  )
  const withIds = !byId.has(undefined) && connection.version(OffsetCommit) > VERSION_WITH_NAMES_MAX
  const body = {
    groupId: group.groupId,
    generationIdOrMemberEpoch: group.generation,
    memberId: group.memberId,
    ...(group.groupInstanceId === null ? {} : { groupInstanceId: group.groupInstanceId }),
    topics: withIds ? known : committedTopics(offsets),
  }
  const response = await connection.request(OffsetCommit, body, withIds ? {} : { maxVersion: VERSION_WITH_NAMES_MAX })
  const names = new Map(known.map(({ topicId, name }) => [topicId, name]))
  checkCommitted(withIds ? response.topics.map((topic) => ({ ...topic, name: names.get(topic.topicId)! })) : response.topics, group.groupId)
}

/**
 * The committed positions of a group: of `partitions`, or of all that it has (null). Positions that a transaction has yet to commit
 * are waited for: UNSTABLE_OFFSET_COMMIT is retriable (KIP-447).
 */
export async function fetchGroupOffsets(
  connection: BrokerConnection,
  groupId: string,
  partitions: readonly TopicPartition[] | null,
): Promise<GroupOffset[]> {
  const question = partitions === null ? { groupId } : { groupId, partitions }
  const answer = (await fetchOffsetsOfGroups(connection, [question], true))[0]!
  throwOnError(answer.errorCode ?? 0, `offsets of group '${groupId}'`, answer.errorMessage)
  return answer.value!.offsets
}
