import type { OffsetToCommit } from '../../coordinator/offsets.ts'
import { errorCode, type KafkaErrorName } from '../../protocol/errors.ts'
import { OffsetCommit } from '../../protocol/messages/offset-commit.ts'
import type { OffsetCommitRequest } from '../../protocol/messages/offset-commit.ts'
import { errorsFor, exists } from '../coordinator-answers.ts'
import { handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

interface Commit extends OffsetToCommit {
  refusal: KafkaErrorName
}

/**
 * OffsetCommit 0 to 10: answered when the offsets are durable. v0 (which Kafka kept in ZooKeeper) is stored as the others are; v6 has leader epochs,
 * v7 static members, v9 epochs of members (KIP-848), v10 topic ids. The retention time of v2 to v4 is kept with the offsets.
 */
export const offsetCommit = handler({
  api: OffsetCommit,
  minVersion: 0,
  maxVersion: 10,
  async handle(request, { broker, version }) {
    // Clients of version 0 ask for no coordinator: the offsets were ZooKeeper's.
    if (version === 0) await broker.groups.prepare()
    const commits = request.topics.map((topic) => commitsOf(broker, topic, version))
    const good = commits.flat().filter(({ refusal }) => refusal === 'NONE')
    const who = {
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      generation: request.generationIdOrMemberEpoch,
      version,
      retentionMs: request.retentionTimeMs,
    }
    const errors = await errorsFor(good, () => broker.groups.commit(request.groupId, who, good))
    const errorOf = new Map(good.map((commit, i) => [commit, errors[i]!]))
    return {
      topics: request.topics.map(({ name, topicId }, i) => ({
        name,
        topicId,
        partitions: commits[i]!.map((commit) => ({
          partitionIndex: commit.partition,
          errorCode: errorCode(errorOf.get(commit) ?? commit.refusal),
        })),
      })),
    }
  },
})

function commitsOf(broker: BrokerServices, topic: OffsetCommitRequest['topics'][number], version: number): Commit[] {
  const name = version >= 10 ? broker.topics.byId(topic.topicId)?.name : topic.name
  return topic.partitions.map(({ partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata }) => {
    const commit = {
      topic: name ?? '',
      partition: partitionIndex,
      offset: committedOffset,
      leaderEpoch: committedLeaderEpoch,
      metadata: committedMetadata,
    }
    if (name === undefined) return { ...commit, refusal: 'UNKNOWN_TOPIC_ID' }
    return { ...commit, refusal: exists(broker, commit) ? 'NONE' : 'UNKNOWN_TOPIC_OR_PARTITION' }
  })
}
