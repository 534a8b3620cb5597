/** A topic in a line. */
export interface TopicSummary {
  readonly name: string
  readonly id: string
  readonly partitions: number
  readonly internal: boolean
}

/** What a user, a client or an address may use. */
export interface QuotaSummary {
  /** Whose it is: some of `user` and `client-id`, or `ip`; null stands for the default of its type. */
  readonly entity: Readonly<Record<string, string | null>>
  /** By Kafka's names: `producer_byte_rate`, `consumer_byte_rate`, `request_percentage`, `controller_mutation_rate`, `connection_creation_rate`. */
  readonly limits: Readonly<Record<string, number>>
}

/** A transactional id in a line. */
export interface TransactionSummary {
  readonly id: string
  /** `Empty`, `Ongoing`, `PrepareCommit`, `PrepareAbort`, `CompleteCommit`, `CompleteAbort` */
  readonly state: string
  readonly producerId: number
  readonly epoch: number
  /** An open transaction is aborted after so many milliseconds. */
  readonly timeoutMs: number
  /** Milliseconds since 1970; null when no transaction is open. */
  readonly startedAt: number | null
  /** How many are part of the open transaction. */
  readonly partitions: number
}

/** A consumer group in a line. */
export interface GroupSummary {
  readonly id: string
  /** `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable`, `Dead`; of the new protocol (KIP-848) also `Assigning`, `Reconciling` */
  readonly state: string
  readonly members: number
  /** `consumer` for groups that share partitions; empty while only offsets are kept. */
  readonly protocolType: string
  /** The assignor, or what else the members agreed on; empty unless the group is stable, or of the new protocol with members. */
  readonly protocol: string
}

/** A partition by name. */
export interface Place {
  readonly topic: string
  readonly partition: number
}

/** A member of a group. */
export interface GroupMember {
  readonly memberId: string
  /** Of a static member (KIP-345). */
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  /** By topic and number. Empty in groups that are not of consumers. */
  readonly assignment: readonly Place[]
}

/** A consumer group with its members. */
export interface GroupDetails {
  readonly groupId: string
  /** As in {@link GroupSummary}; `Dead` when there is no such group. */
  readonly state: string
  readonly protocolType: string
  readonly protocol: string
  /** By member id. */
  readonly members: readonly GroupMember[]
}

/** How far a group is behind in a partition. */
export interface PartitionLag extends Place {
  /** The next offset to read; null before the first commit. */
  readonly committed: number | null
  /** Where the partition ends for consumers: the high watermark. */
  readonly end: number
  /** `end - committed`, null without a commit. Of a transactional topic markers count, as in Kafka's tools. */
  readonly lag: number | null
  /** Who reads it, null when nobody does. */
  readonly memberId: string | null
}
