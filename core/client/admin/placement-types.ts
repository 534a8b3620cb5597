import type { TopicPartition } from '../../cluster/topic-partition.ts'
import type { KafkaErrorName } from '../../protocol/errors.ts'
import type { AdminOptions } from './calls.ts'

/** Kafka's ElectionType: back to the preferred leader, or, with loss of records, to any replica that is there. */
export const electionTypes = { preferred: 0, unclean: 1 } as const
export type ElectionType = keyof typeof electionTypes

export interface Reassignment extends TopicPartition {
  /** The node ids of its replicas, the preferred leader first; null calls off what is under way. */
  replicas: readonly number[] | null
}

export interface AlterReassignmentsOptions extends AdminOptions {
  /** Default true; false refuses to change the number of replicas (KIP-860, brokers of 4.1 and newer). */
  allowReplicationFactorChange?: boolean
}

export interface OngoingReassignment extends TopicPartition {
  replicas: readonly number[]
  addingReplicas: readonly number[]
  removingReplicas: readonly number[]
}

export interface ReplicaInfo extends TopicPartition {
  /** In bytes. */
  size: number
  /** How far it is behind the high watermark, or behind the replica that it is to replace. */
  offsetLag: number
  /** It is on its way here from another directory. */
  isFuture: boolean
}

export interface LogDirDescription {
  path: string
  /** `KAFKA_STORAGE_ERROR` of a directory that has failed; null of one that works. */
  error: KafkaErrorName | null
  /** Of the file system, in bytes; -1 where the broker does not tell (before 3.3). */
  totalBytes: number
  usableBytes: number
  /** It takes no new partitions (KIP-1066). */
  cordoned: boolean
  replicas: ReplicaInfo[]
}

export interface BrokerLogDirs {
  brokerId: number
  logDirs: LogDirDescription[]
}

/** A partition on one broker; Kafka's TopicPartitionReplica. */
export interface TopicPartitionReplica extends TopicPartition {
  brokerId: number
}

export interface ReplicaMove extends TopicPartitionReplica {
  /** The directory that it is to move to. */
  logDir: string
}

/** Where a replica is, and where it is going. Null: it is not there, or not on its way. */
export interface ReplicaLogDirs extends TopicPartitionReplica {
  currentLogDir: string | null
  currentOffsetLag: number
  futureLogDir: string | null
  futureOffsetLag: number
}
