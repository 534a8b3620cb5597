import type { BrokerConnection } from '../../cluster/connection.ts'
import { byTopic, tpKey } from '../../cluster/topic-partition.ts'
import type { TopicPartition } from '../../cluster/topic-partition.ts'
import { DeleteRecords } from '../../protocol/messages/delete-records.ts'
import { DescribeProducers } from '../../protocol/messages/describe-producers.ts'
import type { AdminOptions } from './calls.ts'
import type {
  DeletedRecords,
  DescribeProducersOptions,
  ListOffsetsOptions,
  OffsetAnswer,
  OffsetQuestion,
  PartitionProducers,
  RecordsToDelete,
} from './record-types.ts'
import { listOffsets } from './list-offsets.ts'
import type { Answer } from './settle.ts'
import { TopicAdmin } from './topics.ts'
import * as specs from './specs.ts'

/** What is in partitions: from where to where, and who writes to them. */
export class RecordAdmin extends TopicAdmin {
  /**
   * Offsets by place or time (Kafka's `Admin.listOffsets`), in the order of the questions. A partition may be asked for several times.
   *
   * ```ts
   * const [begin, end] = await admin.listOffsets([{ topic, partition: 0, at: 'earliest' }, { topic, partition: 0, at: 'latest' }])
   * ```
   *
   * @throws AdminError by `topic-partition at`: UNKNOWN_TOPIC, UNSUPPORTED_VERSION where the broker does not know the place
   */
  listOffsets(questions: readonly OffsetQuestion[], options: ListOffsetsOptions = {}): Promise<OffsetAnswer[]> {
    return listOffsets(this.calls, questions, options)
  }

  /**
   * Deletes the records before an offset (Kafka's `Admin.deleteRecords`, KIP-107), and answers where the partitions begin now.
   *
   * @throws AdminError by `topic-partition`: OFFSET_OUT_OF_RANGE, POLICY_VIOLATION (the topic is compacted), UNKNOWN_TOPIC
   */
  deleteRecords(before: readonly RecordsToDelete[], options: AdminOptions = {}): Promise<DeletedRecords[]> {
    return this.calls.onLeaders<RecordsToDelete, DeletedRecords>({
      what: 'delete records of',
      items: before,
      each: specs.recordsToDelete,
      nameOf: tpKey,
      ...options,
      ask: async (connection, asked, timeoutMs) => {
        const topics = [...byTopic(asked)].map(([name, list]) => ({
          name,
          partitions: list.map(({ partition, offset }) => ({ partitionIndex: partition, offset })),
        }))
        const answer = await connection.request(DeleteRecords, { topics, timeoutMs })
        return answer.topics.flatMap(({ name: topic, partitions }) =>
          partitions.map(({ partitionIndex: partition, lowWatermark, errorCode }) => {
            return { name: tpKey({ topic, partition }), errorCode, value: { topic, partition, lowWatermark } }
          }),
        )
      },
    })
  }

  /**
   * The idempotent and transactional producers that partitions remember (Kafka's `Admin.describeProducers`, KIP-664): who holds up the last stable
   * offset is seen by its `currentTransactionStartOffset`.
   *
   * @throws AdminError by `topic-partition`: UNKNOWN_TOPIC, NOT_LEADER_OR_FOLLOWER of a broker without a replica
   */
  describeProducers(partitions: readonly TopicPartition[], options: DescribeProducersOptions = {}): Promise<PartitionProducers[]> {
    const asking = {
      what: 'describe producers of',
      items: partitions,
      each: specs.topicPartition,
      nameOf: tpKey,
      timeoutMs: options.timeoutMs,
      ask: describeProducers,
    }
    const { brokerId } = options
    return brokerId === undefined ? this.calls.onLeaders(asking) : this.calls.onBrokers(() => brokerId, { ...asking, retries: () => false })
  }
}

async function describeProducers(connection: BrokerConnection, asked: readonly TopicPartition[]): Promise<Answer<PartitionProducers>[]> {
  const topics = [...byTopic(asked)].map(([name, list]) => ({ name, partitionIndexes: list.map(({ partition }) => partition) }))
  const answer = await connection.request(DescribeProducers, { topics })
  return answer.topics.flatMap(({ name: topic, partitions }) =>
    partitions.map(({ partitionIndex: partition, errorCode, errorMessage, activeProducers }) => {
      const producers = activeProducers.map(({ currentTxnStartOffset, ...state }) => {
        return { ...state, currentTransactionStartOffset: currentTxnStartOffset }
      })
      return { name: tpKey({ topic, partition }), errorCode, errorMessage, value: { topic, partition, producers } }
    }),
  )
}
