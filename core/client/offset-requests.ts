import type { Cluster } from '../cluster/cluster.ts'
import type { BrokerConnection } from '../cluster/connection.ts'
import { isRetriableError } from '../cluster/retry.ts'
import { byTopic, noSuchPartition, tpKey } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import { errorName, kafkaError, throwOnError } from '../protocol/errors.ts'
import { ListOffsets } from '../protocol/messages/list-offsets.ts'
import { OffsetCommit } from '../protocol/messages/offset-commit.ts'
import type { GroupOffset } from './admin/group-types.ts'
import { fetchOffsetsOfGroups, VERSION_WITH_NAMES_MAX } from './offset-fetch.ts'
import { rounds } from './rounds.ts'
import type { GroupMetadata, Isolation, OffsetToCommit } from './types.ts'

export type { GroupOffset }

/** Kafka's timestamps that mean a place: KIP-79, KIP-734. */
export const OffsetAt = { latest: -1, earliest: -2, maxTimestamp: -3 } as const

export interface OffsetQuery extends TopicPartition {
  /** Milliseconds since 1970, or one of {@link OffsetAt}. */
  timestamp: number
}

export interface FoundOffset extends TopicPartition {
  /** -1 when no record is as young as asked. */
  offset: number
  timestamp: number
  leaderEpoch: number
}

/** Asks the leaders for offsets, again while leaders move. The answers come in the order of the questions. */
export async function findOffsets(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
  isolation: Isolation,
  timeoutMs: number,
): Promise<FoundOffset[]> {
  const found = new Map<OffsetQuery, FoundOffset>()
  for (const round of rounds(queries, tpKey)) await findOnce(cluster, round, isolation, timeoutMs, found)
  return queries.map((query) => found.get(query)!)
}

async function findOnce(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
  isolation: Isolation,
  timeoutMs: number,
  found: Map<OffsetQuery, FoundOffset>,
): Promise<void> {
  await cluster.retry({ what: 'find offsets', timeoutMs }, async () => {
    const missing = queries.filter((query) => !found.has(query))
    const leaders = new Map<number, OffsetQuery[]>()
    for (const query of missing) {
      await checkPartition(cluster, query)
      const leader = cluster.leader(query.topic, query.partition)
      const list = leaders.get(leader)
      if (list === undefined) leaders.set(leader, [query])
      else list.push(query)
    }
    const results = await Promise.allSettled([...leaders].map(([leader, list]) => askLeader(cluster, leader, list, isolation, found)))
    const errors = results.filter((r) => r.status === 'rejected').map((r): unknown => r.reason)
    if (errors.length === 0) return
    await cluster.refresh().catch(() => {})
    throw errors.find((error) => !isRetriableError(error)) ?? errors[0]
  })
}

async function checkPartition(cluster: Cluster, tp: TopicPartition): Promise<void> {
  const error = noSuchPartition(tp, (await cluster.topic(tp.topic)).partitions.length)
  if (error !== undefined) throw error
}

async function askLeader(
  cluster: Cluster,
  leader: number,
  queries: OffsetQuery[],
  isolation: Isolation,
  found: Map<OffsetQuery, FoundOffset>,
): Promise<void> {
  if (leader < 0) throw kafkaError('LEADER_NOT_AVAILABLE', tpKey(queries[0]!))
  const connection = await cluster.node(leader)
  const topics = [...byTopic(queries)].map(([name, list]) => ({
    name,
    partitions: list.map((q) => ({ partitionIndex: q.partition, timestamp: q.timestamp })),
  }))
  const response = await connection.request(ListOffsets, { replicaId: -1, isolationLevel: isolation === 'read_committed' ? 1 : 0, topics })
  const byKey = new Map(queries.map((query) => [tpKey(query), query]))
  for (const topic of response.topics) {
    for (const answer of topic.partitions) {
      const query = byKey.get(`${topic.name}-${answer.partitionIndex}`)
      if (query === undefined) continue
      const error = errorName(answer.errorCode)
      if (error !== 'NONE') throw kafkaError(error, tpKey(query))
      found.set(query, {
        topic: query.topic,
        partition: query.partition,
        offset: answer.offset,
        timestamp: answer.timestamp,
        leaderEpoch: answer.leaderEpoch,
      })
    }
  }
}

/** Positions as they are written into requests that commit. */
export function committedTopics(offsets: readonly OffsetToCommit[]) {
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
 *
 * @param topicIdOf the topic that was read, where that is known: where the coordinator goes by ids, one that was created again under its name
 *   does not get the position of the old one
 */
export async function commitGroupOffsets(
  connection: BrokerConnection,
  group: GroupMetadata,
  offsets: readonly OffsetToCommit[],
  topicIdOf: (tp: TopicPartition) => string | undefined,
): Promise<void> {
  const byId = Map.groupBy(offsets, topicIdOf)
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
