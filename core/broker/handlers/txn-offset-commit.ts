import { GROUPS_TOPIC } from '../../coordinator/coordinator-log.ts'
import type { OffsetToCommit } from '../../coordinator/offsets.ts'
import { errorCode, type KafkaErrorName } from '../../protocol/errors.ts'
import { TxnOffsetCommit } from '../../protocol/messages/txn-offset-commit.ts'
import type { TxnOffsetCommitRequest } from '../../protocol/messages/txn-offset-commit.ts'
import { errorsFor, exists } from '../coordinator-answers.ts'
import { handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

/**
 * TxnOffsetCommit 0 to 5: offsets that count when the transaction commits, and are made durable then. v3 names the member, so that one whose partitions
 * went to somebody else is refused (KIP-447). v5 makes the offsets part of the transaction by itself (KIP-890).
 */
export const txnOffsetCommit = handler({
  api: TxnOffsetCommit,
  minVersion: 0,
  maxVersion: 5,
  async handle(request, { broker, version }) {
    const commits = request.topics.flatMap(commitsOf)
    const good = commits.filter((commit) => exists(broker, commit))
    const errors = await errorsFor(good, () => commit(broker, request, good, version))
    const errorOf = new Map(good.map((each, i) => [each, errors[i]!]))
    const all = commits.values()
    return {
      throttleTimeMs: 0,
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode: errorCode(errorOf.get(all.next().value!) ?? 'UNKNOWN_TOPIC_OR_PARTITION'),
        })),
      })),
    }
  },
})

function commitsOf({ name, partitions }: TxnOffsetCommitRequest['topics'][number]): OffsetToCommit[] {
  return partitions.map(({ partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata }) => ({
    topic: name,
    partition: partitionIndex,
    offset: committedOffset,
    leaderEpoch: committedLeaderEpoch,
    metadata: committedMetadata,
  }))
}

/** Check and append in one tick: no EndTxn can come between. */
function commit(
  broker: BrokerServices,
  request: TxnOffsetCommitRequest,
  offsets: readonly OffsetToCommit[],
  version: number,
): KafkaErrorName[] {
  const { transactionalId, groupId, producerId, producerEpoch, memberId, groupInstanceId: instanceId, generationId: generation } = request
  if (offsets.length === 0) return []
  const partition = { topic: GROUPS_TOPIC, partition: broker.groups.partitionFor(groupId) }
  const error = broker.transactions.verifyOrAdd(transactionalId, producerId, producerEpoch, [partition], version >= 5)
  if (error !== 'NONE') return offsets.map(() => error)
  return broker.groups.commitInTransaction(groupId, { memberId, instanceId, generation }, { producerId, producerEpoch }, offsets)
}
