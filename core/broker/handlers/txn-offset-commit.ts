import { GROUPS_TOPIC } from '../../coordinator/coordinator-log.ts'
import type { OffsetToCommit } from '../../coordinator/offsets.ts'
import { errorCode, type KafkaErrorName } from '../../protocol/errors.ts'
import { TxnOffsetCommit } from '../../protocol/messages/txn-offset-commit.ts'
import type { TxnOffsetCommitRequest } from '../../protocol/messages/txn-offset-commit.ts'
import { abortableAs, callerOf, errorsFor, exists } from '../coordinator-answers.ts'
import { handler } from '../handler.ts'
import type { RequestContext } from '../handler.ts'

/** TRANSACTION_ABORTABLE came with version 4 (KIP-890 part 1). */
const ABORTABLE_SINCE = 4
/** Transactions v2. */
const ADDS_GROUP_SINCE = 5

/**
 * TxnOffsetCommit 0 to 5: offsets that count when the transaction commits, and are made durable then. v3 names the member, so that one whose partitions
 * went to somebody else is refused (KIP-447). v5 makes the offsets part of the transaction by itself (KIP-890).
 */
export const txnOffsetCommit = handler({
  api: TxnOffsetCommit,
  minVersion: 0,
  maxVersion: 5,
  async handle(request, context) {
    const { broker } = context
    const commits = request.topics.flatMap(commitsOf)
    const good = commits.filter((commit) => exists(broker, commit))
    const errors = await errorsFor(good, () => commit(context, request, good))
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
function commit(context: RequestContext, request: TxnOffsetCommitRequest, offsets: readonly OffsetToCommit[]): KafkaErrorName[] {
  const { broker, version } = context
  const { transactionalId, groupId, producerId, producerEpoch, memberId, groupInstanceId: instanceId, generationId: generation } = request
  if (offsets.length === 0) return []
  const partition = { topic: GROUPS_TOPIC, partition: broker.groups.partitionFor(groupId) }
  const adds = version >= ADDS_GROUP_SINCE
  const isLate = !adds && broker.transactions.isLate(transactionalId, { producerId, epoch: producerEpoch }, 'offsets', callerOf(context))
  if (isLate) return offsets.map(() => 'NOT_COORDINATOR')
  const error = broker.transactions.verifyOrAdd(transactionalId, producerId, producerEpoch, [partition], adds)
  if (error !== 'NONE') return offsets.map(() => abortableAs(error, version >= ABORTABLE_SINCE))
  return broker.groups.commitInTransaction(groupId, { memberId, instanceId, generation }, { producerId, producerEpoch }, offsets)
}
