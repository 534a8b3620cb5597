import { ZERO_UUID } from '../../base/uuid.ts'
import type { FetchingMember } from '../../coordinator/group-offsets.ts'
import type { FetchedOffset } from '../../coordinator/offsets.ts'
import { errorCode, type KafkaErrorName } from '../../protocol/errors.ts'
import { OffsetFetch } from '../../protocol/messages/offset-fetch.ts'
import type { OffsetFetchRequest } from '../../protocol/messages/offset-fetch.ts'
import { byTopic, nameOf } from '../coordinator-answers.ts'
import { handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

type Wanted = { name: string; topicId: string; partitionIndexes: readonly number[] }[]

interface Found {
  error: KafkaErrorName
  offsets: (FetchedOffset & { topicId: string })[]
}

/**
 * OffsetFetch 0 to 10: committed offsets, -1 where there are none. v2 takes null for all topics and has an error for the group, v5 leader epochs,
 * v7 requireStable (KIP-447), v8 several groups at once, v9 epochs of members (KIP-848), v10 topic ids. v0 has no -1: it says UNKNOWN_TOPIC_OR_PARTITION.
 */
export const offsetFetch = handler({
  api: OffsetFetch,
  minVersion: 0,
  maxVersion: 10,
  async handle(request, { broker, version }) {
    // Clients of version 0 ask for no coordinator: the offsets were ZooKeeper's.
    if (version === 0) await broker.groups.prepare()
    if (version < 8) return fetchOne(broker, request, version)
    const groups = request.groups.map(async ({ groupId, topics, memberId, memberEpoch }) => {
      const { error, offsets } = await find(broker, groupId, topics, request.requireStable, version, { memberId, memberEpoch })
      return { groupId, errorCode: errorCode(error), topics: topicsOf(offsets) }
    })
    return { groups: await Promise.all(groups) }
  },
})

async function fetchOne(broker: BrokerServices, request: OffsetFetchRequest, version: number) {
  const wanted = request.topics?.map((topic) => ({ ...topic, topicId: ZERO_UUID })) ?? null
  const { error, offsets } = await find(broker, request.groupId, wanted, request.requireStable, version)
  for (const each of offsets) if (version === 0 && each.offset < 0 && each.error === 'NONE') each.error = 'UNKNOWN_TOPIC_OR_PARTITION'
  return { topics: topicsOf(offsets), errorCode: errorCode(error) }
}

async function find(
  broker: BrokerServices,
  groupId: string,
  topics: Wanted | null,
  requireStable: boolean,
  version: number,
  member?: FetchingMember,
): Promise<Found> {
  const wanted = topics?.map((topic) => ({ ...topic, known: version >= 10 ? broker.topics.byId(topic.topicId)?.name : topic.name })) ?? null
  const list = wanted?.flatMap(({ known, topicId, partitionIndexes }) =>
    partitionIndexes.map((partition) => ({ topic: known ?? '', known, topicId, partition })),
  )
  try {
    const found = await broker.groups.fetch(groupId, list ?? null, requireStable, member)
    const offsets = found.map((each, i) => {
      if (list === undefined) return { ...each, topicId: broker.topics.get(each.topic)?.id ?? ZERO_UUID }
      const { known, topicId } = list[i]!
      return known === undefined ? unknown(each, topicId, 'UNKNOWN_TOPIC_ID') : { ...each, topicId }
    })
    // In version 10 a topic that is gone has no name to be called by.
    return {
      error: 'NONE',
      offsets: version >= 10 && list === undefined ? offsets.filter(({ topicId }) => topicId !== ZERO_UUID) : offsets,
    }
  } catch (error) {
    const name = nameOf(error)
    return { error: name, offsets: version >= 2 ? [] : (list ?? []).map((each) => unknown(each, each.topicId, name)) }
  }
}

function unknown(
  { topic, partition }: { topic: string; partition: number },
  topicId: string,
  error: KafkaErrorName,
): Found['offsets'][number] {
  return { topic, topicId, partition, offset: -1, leaderEpoch: -1, metadata: '', error }
}

function topicsOf(offsets: Found['offsets']) {
  const items = offsets.map((each) => ({ topic: `${each.topicId} ${each.topic}`, each }))
  return byTopic(items, ({ each }) => each).map(({ partitions }) => ({
    name: partitions[0]!.topic,
    topicId: partitions[0]!.topicId,
    partitions: partitions.map(({ partition, offset, leaderEpoch, metadata, error }) => ({
      partitionIndex: partition,
      committedOffset: offset,
      committedLeaderEpoch: leaderEpoch,
      metadata,
      errorCode: errorCode(error),
    })),
  }))
}
