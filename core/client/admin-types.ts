import type { TopicPartition } from '../cluster/topic-partition.ts'

export interface NewTopic {
  name: string
  /** Default, and -1: the broker's `num.partitions`. */
  partitions?: number
  /** Default, and -1: the broker's `default.replication.factor`. */
  replicationFactor?: number
  /** By Kafka's names: `{ 'retention.ms': '60000' }`. */
  configs?: Readonly<Record<string, string | number | boolean>>
}

export interface ListedTopic {
  name: string
  topicId: string
  /** Kept by the brokers for themselves, like `__consumer_offsets`. */
  internal: boolean
}

export interface TopicDescription extends ListedTopic {
  partitions: PartitionDescription[]
}

export interface PartitionDescription {
  partition: number
  /** Node id, -1 while there is none. */
  leader: number
  leaderEpoch: number
  replicas: readonly number[]
  isr: readonly number[]
}

export interface ConfigResource {
  type: 'topic' | 'broker'
  /** A topic's name, or a broker's node id. */
  name: string
}

export interface ConfigEntry {
  name: string
  value: string | null
  /** Nobody has set it. */
  isDefault: boolean
  readOnly: boolean
  sensitive: boolean
}

export interface ConfigDescription extends ConfigResource {
  entries: ConfigEntry[]
}

export interface OffsetQuestion extends TopicPartition {
  /** A place, or milliseconds since 1970: the first record at or after that time. */
  at: 'earliest' | 'latest' | 'maxTimestamp' | number
}

export interface OffsetAnswer extends TopicPartition {
  /** -1 when there is no such record. */
  offset: number
  timestamp: number
}

export interface ListedGroup {
  groupId: string
  protocolType: string
  state: string
}

export interface GroupMemberDescription {
  memberId: string
  groupInstanceId: string | null
  clientId: string
  clientHost: string
  assignment: TopicPartition[]
}

export interface GroupDescription extends ListedGroup {
  /** The assignor, in a group of consumers. */
  protocol: string
  members: GroupMemberDescription[]
}

export interface ClusterDescription {
  clusterId: string
  controllerId: number
  brokers: { nodeId: number; host: string; port: number; rack: string | null }[]
}

export interface ListedTransaction {
  transactionalId: string
  producerId: number
  state: string
}
