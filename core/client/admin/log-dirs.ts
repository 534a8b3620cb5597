import type { BrokerConnection } from '../../cluster/connection.ts'
import { byTopic, tpKey } from '../../cluster/topic-partition.ts'
import type { TopicPartition } from '../../cluster/topic-partition.ts'
import { errorName } from '../../protocol/errors.ts'
import { AlterReplicaLogDirs } from '../../protocol/messages/alter-replica-log-dirs.ts'
import { DescribeLogDirs } from '../../protocol/messages/describe-log-dirs.ts'
import type { DescribeLogDirsResponse } from '../../protocol/messages/describe-log-dirs.ts'
import type { AdminOptions } from './calls.ts'
import { PlacementAdmin } from './placement.ts'
import type { BrokerLogDirs, LogDirDescription, ReplicaLogDirs, ReplicaMove, TopicPartitionReplica } from './placement-types.ts'
import type { Answer } from './settle.ts'
import * as specs from './specs.ts'

/** Which directories of brokers have partitions. */
export class LogDirAdmin extends PlacementAdmin {
  /**
   * The data directories of brokers, with what the partitions in them take (Kafka's `Admin.describeLogDirs`, KIP-113).
   *
   * @param brokerIds default all
   * @throws AdminError by node id: INVALID_ARGUMENT where there is no such broker, CLUSTER_AUTHORIZATION_FAILED
   */
  async describeLogDirs(brokerIds?: readonly number[], options: AdminOptions = {}): Promise<BrokerLogDirs[]> {
    if (brokerIds === undefined) {
      return this.calls.everyBroker('log directories', options, async (connection, brokerId) => {
        const { errorCode, value } = await describeLogDirs(connection, brokerId, null)
        return { errorCode, value: [value] }
      })
    }
    return this.calls.onBrokers<number, BrokerLogDirs>((node) => node, {
      what: 'log directories of broker',
      items: brokerIds,
      each: specs.nodeId,
      nameOf: String,
      ...options,
      ask: async (connection, [brokerId]) => [{ name: String(brokerId), ...(await describeLogDirs(connection, brokerId!, null)) }],
    })
  }

  /**
   * In which directories of their brokers replicas are, and where they are on their way to (Kafka's `Admin.describeReplicaLogDirs`, KIP-113).
   *
   * @throws AdminError by `topic-partition on node`
   */
  describeReplicaLogDirs(replicas: readonly TopicPartitionReplica[], options: AdminOptions = {}): Promise<ReplicaLogDirs[]> {
    return this.calls.onBrokers<TopicPartitionReplica, ReplicaLogDirs>(({ brokerId }) => brokerId, {
      what: 'log directories of',
      items: replicas,
      each: specs.replica,
      nameOf: replicaName,
      ...options,
      ask: async (connection, asked) => {
        const { errorCode, value } = await describeLogDirs(connection, asked[0]!.brokerId, asked)
        return asked.map((replica) => ({ name: replicaName(replica), errorCode, value: placeOf(replica, value.logDirs) }))
      },
    })
  }

  /**
   * Moves replicas to other directories of their brokers (Kafka's `Admin.alterReplicaLogDirs`, KIP-113). Answers when that has begun.
   *
   * @throws AdminError by `topic-partition on node`: LOG_DIR_NOT_FOUND, KAFKA_STORAGE_ERROR, UNKNOWN_TOPIC_OR_PARTITION
   */
  async alterReplicaLogDirs(moves: readonly ReplicaMove[], options: AdminOptions = {}): Promise<void> {
    await this.calls.onBrokers<ReplicaMove, void>(({ brokerId }) => brokerId, {
      what: 'move replica',
      items: moves,
      each: specs.replicaMove,
      nameOf: replicaName,
      ...options,
      ask: async (connection, asked): Promise<Answer<void>[]> => {
        const { brokerId } = asked[0]!
        const dirs = [...Map.groupBy(asked, ({ logDir }) => logDir)].map(([path, list]) => ({ path, topics: named(list, 'name') }))
        const { results } = await connection.request(AlterReplicaLogDirs, { dirs })
        return results.flatMap(({ topicName: topic, partitions }) =>
          partitions.map(({ partitionIndex: partition, errorCode }) => ({ name: replicaName({ topic, partition, brokerId }), errorCode })),
        )
      },
    })
  }
}

function replicaName(replica: TopicPartitionReplica): string {
  return `${tpKey(replica)} on ${replica.brokerId}`
}

function named<Key extends 'name' | 'topic'>(partitions: readonly TopicPartition[], key: Key) {
  return [...byTopic(partitions)].map(([topic, list]) => {
    return { [key]: topic, partitions: list.map(({ partition }) => partition) } as { [K in Key]: string } & { partitions: number[] }
  })
}

async function describeLogDirs(connection: BrokerConnection, brokerId: number, partitions: readonly TopicPartition[] | null) {
  const topics = partitions === null ? null : named(partitions, 'topic')
  const { errorCode, results } = await connection.request(DescribeLogDirs, { topics })
  return { errorCode, value: { brokerId, logDirs: results.map(logDir) } }
}

function logDir(found: DescribeLogDirsResponse['results'][number]): LogDirDescription {
  const { logDir: path, errorCode, totalBytes, usableBytes, isCordoned: cordoned } = found
  const replicas = found.topics.flatMap(({ name: topic, partitions }) =>
    partitions.map(({ partitionIndex: partition, partitionSize: size, offsetLag, isFutureKey: isFuture }) => {
      return { topic, partition, size, offsetLag, isFuture }
    }),
  )
  return { path, error: errorCode === 0 ? null : errorName(errorCode), totalBytes, usableBytes, cordoned, replicas }
}

/** What Kafka says of a replica that is not there. */
const NO_LAG = -1

function placeOf({ topic, partition, brokerId }: TopicPartitionReplica, logDirs: readonly LogDirDescription[]): ReplicaLogDirs {
  const found = (future: boolean) => {
    for (const { path, replicas } of logDirs) {
      const replica = replicas.find((each) => each.topic === topic && each.partition === partition && each.isFuture === future)
      if (replica !== undefined) return { path, lag: replica.offsetLag }
    }
    return { path: null, lag: NO_LAG }
  }
  const [current, future] = [found(false), found(true)]
  return {
    topic,
    partition,
    brokerId,
    currentLogDir: current.path,
    currentOffsetLag: current.lag,
    futureLogDir: future.path,
    futureOffsetLag: future.lag,
  }
}
