import type { Operation } from '../../security/acl.ts'
import type { AdminOptions } from './calls.ts'

/** A topic by its name, or by its id (KIP-516). */
export type TopicRef = string | { readonly topicId: string }

export interface NewTopic {
  name: string
  /** Default, and -1: the broker's `num.partitions`. */
  partitions?: number
  /** Default, and -1: the broker's `default.replication.factor`. */
  replicationFactor?: number
  /** In place of both: for each partition the node ids of its replicas, the preferred leader first. */
  assignments?: readonly (readonly number[])[]
  /** By Kafka's names: `{ 'retention.ms': '60000' }`. */
  configs?: Readonly<Record<string, string | number | boolean>>
}

export interface MutationOptions extends AdminOptions {
  /** Checks whether it could be done, and changes nothing; default false. */
  validateOnly?: boolean
  /** Waits while a quota of changes is used up (KIP-599); default true. Otherwise the error is THROTTLING_QUOTA_EXCEEDED. */
  retryOnQuotaViolation?: boolean
}

export interface CreateTopicsOptions extends MutationOptions {
  /** A topic that exists is left as it is, and is no error. */
  ignoreExisting?: boolean
}

export interface CreatedTopic {
  name: string
  /** False: it was there before (`ignoreExisting`), or nothing was to be made (`validateOnly`). */
  created: boolean
  /** The zero UUID where the broker does not tell (before version 7), as the numbers are -1 (before version 5). */
  topicId: string
  partitions: number
  replicationFactor: number
  /** What the topic's settings are; empty where the broker does not tell. */
  configs: Readonly<Record<string, string | null>>
}

export interface NewPartitions {
  topic: string
  /** How many there are to be, with those that are there. */
  count: number
  /** For each new partition the node ids of its replicas. */
  assignments?: readonly (readonly number[])[]
}

export interface ListedTopic {
  name: string
  topicId: string
  /** Kept by the brokers for themselves, like `__consumer_offsets`. */
  internal: boolean
}

export interface DescribeTopicsOptions extends AdminOptions {
  /** Tells what we may do with the topics; default false. */
  includeAuthorizedOperations?: boolean
  /** Of one answer, which large clusters are asked for page by page (KIP-966); default 2000, which is what brokers allow. */
  partitionSizeLimitPerResponse?: number
}

export interface TopicDescription extends ListedTopic {
  partitions: PartitionDescription[]
  /** Only when it was asked for. */
  authorizedOperations?: Operation[]
}

export interface PartitionDescription {
  partition: number
  /** Node id, -1 while there is none. */
  leader: number
  leaderEpoch: number
  replicas: readonly number[]
  isr: readonly number[]
  /** Replicas whose broker is not there. */
  offlineReplicas: readonly number[]
  /** Out of sync, but complete: they may lead (KIP-966). Null where the broker does not tell. */
  eligibleLeaderReplicas: readonly number[] | null
  lastKnownEligibleLeaderReplicas: readonly number[] | null
}
