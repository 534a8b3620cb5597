import type { BrokerConnection } from '../cluster/connection.ts'
import { byTopic } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import { errorName, kafkaError, throwOnError } from '../protocol/errors.ts'
import { AddOffsetsToTxn } from '../protocol/messages/add-offsets-to-txn.ts'
import { AddPartitionsToTxn } from '../protocol/messages/add-partitions-to-txn.ts'
import { TxnOffsetCommit } from '../protocol/messages/txn-offset-commit.ts'
import { checkCommitted, committedTopics } from './offset-requests.ts'
import type { GroupMetadata, OffsetToCommit } from './types.ts'

export interface ProducerIds {
  transactionalId: string
  producerId: number
  producerEpoch: number
}

/** From version 4 on the request is for brokers, which verify several transactions at once. */
const ADD_PARTITIONS_VERSION_MAX = 3
/** From version 5 on the request adds the group to the transaction by itself: only for transactions version 2. */
const OLD_OFFSET_COMMIT_VERSION = 4

/** Transactions version 1: says which partitions are going to be written to. */
export async function addPartitions(connection: BrokerConnection, ids: ProducerIds, partitions: readonly TopicPartition[]): Promise<void> {
  const body = {
    v3AndBelowTransactionalId: ids.transactionalId,
    v3AndBelowProducerId: ids.producerId,
    v3AndBelowProducerEpoch: ids.producerEpoch,
    v3AndBelowTopics: [...byTopic(partitions)].map(([name, list]) => ({ name, partitions: list.map((p) => p.partition) })),
  }
  const response = await connection.request(AddPartitionsToTxn, body, { maxVersion: ADD_PARTITIONS_VERSION_MAX })
  for (const topic of response.resultsByTopicV3AndBelow) {
    for (const { partitionIndex, partitionErrorCode } of topic.resultsByPartition) {
      const error = errorName(partitionErrorCode)
      // The others were fine: the error of the one that was not decides.
      if (error !== 'NONE' && error !== 'OPERATION_NOT_ATTEMPTED')
        throw kafkaError(error, `add ${topic.name}-${partitionIndex} to a transaction`)
    }
  }
}

/** Transactions version 1: says of which group offsets are going to be committed. */
export async function addOffsets(connection: BrokerConnection, ids: ProducerIds, groupId: string): Promise<void> {
  const response = await connection.request(AddOffsetsToTxn, { ...ids, groupId })
  throwOnError(response.errorCode, `add group '${groupId}' to a transaction`)
}

/** Positions that count when the transaction commits. The group's metadata fences members that have been replaced (KIP-447). */
export async function commitOffsets(
  connection: BrokerConnection,
  ids: ProducerIds,
  offsets: readonly OffsetToCommit[],
  group: GroupMetadata,
  version2: boolean,
): Promise<void> {
  const body = {
    ...ids,
    groupId: group.groupId,
    generationId: group.generation,
    memberId: group.memberId,
    groupInstanceId: group.groupInstanceId,
    topics: committedTopics(offsets),
  }
  const response = await connection.request(TxnOffsetCommit, body, version2 ? {} : { maxVersion: OLD_OFFSET_COMMIT_VERSION })
  checkCommitted(response.topics, group.groupId)
}
