import { MoldauError } from '../../base/errors.ts'
import type { BrokerConnection } from '../../cluster/connection.ts'
import { byTopic, tpKey } from '../../cluster/topic-partition.ts'
import type { TopicPartition } from '../../cluster/topic-partition.ts'
import { DeleteRecords } from '../../protocol/messages/delete-records.ts'
import { DescribeProducers } from '../../protocol/messages/describe-producers.ts'
import { ListOffsets } from '../../protocol/messages/list-offsets.ts'
import type { Isolation } from '../types.ts'
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
import { rounds } from '../rounds.ts'
import type { Answer } from './settle.ts'
import { TopicAdmin } from './topics.ts'

/** The timestamps that mean a place, and the version of ListOffsets that brought each: an older broker would look for a time. */
export const offsetSpecs = {
  latest: { timestamp: -1, since: 1 },
  earliest: { timestamp: -2, since: 1 },
  maxTimestamp: { timestamp: -3, since: 7 },
  earliestLocal: { timestamp: -4, since: 8 },
  latestTiered: { timestamp: -5, since: 9 },
  earliestPendingUpload: { timestamp: -6, since: 11 },
} as const

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
    return this.calls.onLeaders<OffsetQuestion, OffsetAnswer>({
      what: 'find offset',
      items: questions,
      nameOf: questionName,
      timeoutMs: options.timeoutMs,
      ask: async (connection, asked, timeoutMs) => {
        const { isolationLevel: isolation = 'read_uncommitted' } = options
        // A request may name a partition once.
        return (await Promise.all(rounds(asked, tpKey).map((round) => findOffsets(connection, round, isolation, timeoutMs)))).flat()
      },
    })
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
      nameOf: tpKey,
      timeoutMs: options.timeoutMs,
      ask: describeProducers,
    }
    const { brokerId } = options
    return brokerId === undefined ? this.calls.onLeaders(asking) : this.calls.onBrokers(() => brokerId, { ...asking, retries: () => false })
  }
}

function questionName(question: OffsetQuestion): string {
  return `${tpKey(question)} ${question.at}`
}

async function findOffsets(
  connection: BrokerConnection,
  questions: readonly OffsetQuestion[],
  isolation: Isolation,
  timeoutMs: number,
): Promise<Answer<OffsetAnswer>[]> {
  const version = connection.version(ListOffsets)
  const isKnown = ({ at }: OffsetQuestion): boolean => typeof at === 'number' || version >= offsetSpecs[at].since
  const refused = questions
    .filter((question) => !isKnown(question))
    .map((question) => {
      const text = `${questionName(question)}: ${connection.remote} does not know this place (its ListOffsets ends with version ${version})`
      return { name: questionName(question), error: new MoldauError('UNSUPPORTED_VERSION', text) }
    })
  const asked = new Map(questions.filter(isKnown).map((question) => [tpKey(question), question]))
  if (asked.size === 0) return refused
  const topics = [...byTopic(asked.values())].map(([name, list]) => ({
    name,
    partitions: list.map(({ partition, at }) => {
      return { partitionIndex: partition, timestamp: typeof at === 'number' ? at : offsetSpecs[at].timestamp }
    }),
  }))
  const answer = await connection.request(ListOffsets, {
    replicaId: -1,
    isolationLevel: isolation === 'read_committed' ? 1 : 0,
    topics,
    timeoutMs,
  })
  const found = answer.topics.flatMap(({ name: topic, partitions }) =>
    partitions.map(({ partitionIndex: partition, errorCode, offset, timestamp, leaderEpoch }) => {
      const question = asked.get(tpKey({ topic, partition }))
      return {
        name: question === undefined ? '' : questionName(question),
        errorCode,
        value: { topic, partition, offset, timestamp, leaderEpoch },
      }
    }),
  )
  return [...found, ...refused]
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
