import type { BrokerConnection } from '../cluster/connection.ts'
import { byTopic } from '../cluster/topic-partition.ts'
import { OffsetFetch } from '../protocol/messages/offset-fetch.ts'
import type { OffsetFetchResponse } from '../protocol/messages/offset-fetch.ts'
import type { GroupOffset, GroupOffsets, GroupOffsetsQuestion } from './admin/group-types.ts'
import type { Answer } from './admin/settle.ts'

/** From version 10 on topics of OffsetFetch and OffsetCommit go by id. */
export const VERSION_WITH_NAMES_MAX = 9
/** The version of OffsetFetch that names many groups (KIP-709). */
const MANY_SINCE = 8
const STABLE_SINCE = 7

/** All in one request where the broker can do that, otherwise one after the other on the connection. */
export async function fetchOffsetsOfGroups(
  connection: BrokerConnection,
  groups: readonly GroupOffsetsQuestion[],
  requireStable: boolean,
): Promise<Answer<GroupOffsets>[]> {
  const version = connection.version(OffsetFetch, VERSION_WITH_NAMES_MAX)
  const limit = { maxVersion: VERSION_WITH_NAMES_MAX }
  const stable = version >= STABLE_SINCE && { requireStable }
  const asked = groups.map(({ groupId, partitions }) => ({
    groupId,
    topics:
      partitions === undefined
        ? null
        : [...byTopic(partitions)].map(([name, list]) => ({ name, partitionIndexes: list.map((p) => p.partition) })),
  }))
  if (version >= MANY_SINCE) {
    const answer = await connection.request(OffsetFetch, { groups: asked, ...stable }, limit)
    return answer.groups.map((group) => groupAnswer(group.groupId, group))
  }
  return Promise.all(
    asked.map(async (group) => groupAnswer(group.groupId, await connection.request(OffsetFetch, { ...group, ...stable }, limit))),
  )
}

type FoundOffsets = Pick<OffsetFetchResponse, 'topics' | 'errorCode'>

function groupAnswer(groupId: string, { errorCode, topics }: FoundOffsets): Answer<GroupOffsets> {
  const offsets: GroupOffset[] = []
  for (const { name: topic, partitions } of topics) {
    for (const p of partitions) {
      // One position that cannot be told spoils the group: half of it would look like all.
      if (p.errorCode !== 0) return { name: groupId, errorCode: p.errorCode, errorMessage: `${topic}-${p.partitionIndex}` }
      if (p.committedOffset < 0) continue
      const { partitionIndex: partition, committedOffset: offset, committedLeaderEpoch: leaderEpoch, metadata } = p
      offsets.push({ topic, partition, offset, leaderEpoch, metadata: metadata ?? '' })
    }
  }
  return { name: groupId, errorCode, value: { groupId, offsets } }
}
