import { AgeClock } from '../base/age-clock.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { type RandomBytes, systemRandom } from '../base/uuid.ts'
import { kafkaError, type KafkaErrorName } from '../protocol/errors.ts'
import { type ConsumerGroupDescription, describeConsumerGroup } from './consumer/describe.ts'
import { type ConsumerHeartbeatReply, stayAlive } from './consumer/heartbeat.ts'
import { checkHeartbeat, type ConsumerHeartbeat } from './consumer/heartbeat-request.ts'
import { heartbeatEither, heartbeatOrLeave, joinEither, leaveEither, syncEither } from './consumer/requests.ts'
import { newConsumerGroup } from './consumer/state.ts'
import { type GroupCoordinatorConfig, groupDefaults } from './coordinator-config.ts'
import { GROUPS_TOPIC } from './coordinator-log.ts'
import type { SyncRequest } from './group.ts'
import type { JoinRequest } from './group-join.ts'
import { type GroupListing, listingOf } from './group-listing.ts'
import type { Identity } from './group-members.ts'
import { commitInto, type CommittingProducer, deleteFrom, fetchFrom, type FetchingMember } from './group-offsets.ts'
import { describeGroup, type GroupDescription, joinFailed, type JoinReply, syncFailed, type SyncReply } from './group-replies.ts'
import { deleteGroup, expireGroups, forgetTopic, isEmpty } from './group-removal.ts'
import { type Group, GroupShard } from './group-shard.ts'
import type { GroupConfig } from './group-state.ts'
import { InternalTopic } from './internal-topic.ts'
import { type CommitRequest, type FetchedOffset, type OffsetToCommit } from './offsets.ts'
import type { PartitionWriter, TopicPartition } from './partition-writer.ts'
import { Shards } from './shards.ts'
import type { TopicCatalog } from './topic-catalog.ts'

export interface GroupCoordinatorOptions {
  readonly writer: PartitionWriter
  readonly clock: Clock
  readonly topics: TopicCatalog
  /** Settings that a group has for itself. */
  readonly settingsOf?: (groupId: string) => Partial<GroupConfig> | undefined
  readonly config?: Partial<GroupCoordinatorConfig>
  readonly random?: RandomBytes
  /** Told when a group changes its state or its offsets. */
  readonly onChange?: (groupId: string) => void
}

/**
 * The group coordinator of this broker: members, generations and committed offsets of the groups whose partition of
 * __consumer_offsets it leads. Requests that it cannot serve now throw KafkaError (COORDINATOR_LOAD_IN_PROGRESS,
 * COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR).
 */
export class GroupCoordinator {
  readonly #clock: Clock
  /** For offsets that go when they are old. */
  readonly #age: AgeClock
  readonly #config: GroupCoordinatorConfig
  readonly #random: RandomBytes
  readonly #topics: TopicCatalog
  readonly #shards: Shards<GroupShard>
  #loaded: boolean
  readonly #topic: InternalTopic
  #expiry: Timer | undefined

  constructor(options: GroupCoordinatorOptions) {
    this.#clock = options.clock
    this.#age = new AgeClock(options.clock)
    this.#config = { ...groupDefaults, ...options.config }
    this.#random = options.random ?? systemRandom
    this.#topics = options.topics
    const shard = {
      writer: options.writer,
      clock: options.clock,
      config: this.#config,
      topics: options.topics,
      settingsOf: options.settingsOf ?? (() => undefined),
      onChange: (group: Group): void => options.onChange?.(group.id),
    }
    this.#shards = new Shards(this.#config.offsetsTopicNumPartitions, (partition) => new GroupShard(partition, shard))
    this.#loaded = false
    this.#expiry = undefined
    this.#topic = new InternalTopic({
      writer: options.writer,
      name: GROUPS_TOPIC,
      partitions: this.#config.offsetsTopicNumPartitions,
      load: () => this.#load(),
    })
  }

  /** Reads all groups and offsets from the log, if there are any. */
  async load(): Promise<void> {
    await this.#topic.load()
    this.#scheduleExpiry()
  }

  /** Sees to it that __consumer_offsets exists: called when somebody first looks for a coordinator. */
  prepare(): Promise<void> {
    return this.#topic.prepare()
  }

  async #load(): Promise<void> {
    await this.#shards.load((shard) => shard.load())
    this.#loaded = true
  }

  close(): void {
    this.#expiry?.cancel()
    this.#shards.close()
  }

  #scheduleExpiry(): void {
    this.#expiry = this.#clock.after(this.#config.offsetsRetentionCheckIntervalMs, () => {
      this.#scheduleExpiry()
      for (const shard of this.#shards) {
        try {
          if (shard.serves) expireGroups(shard, this.#config.offsetsRetentionMs, this.#age.now())
        } catch {
          // The disk has refused: the shard has been read again, and is looked at next time.
        }
      }
    })
  }

  /** The partition of __consumer_offsets that keeps the group. */
  partitionFor(groupId: string): number {
    return this.#shards.partitionFor(groupId)
  }

  /** JoinGroup; `freshMemberId` is chosen here. */
  async join(groupId: string, request: Omit<JoinRequest, 'freshMemberId'>): Promise<JoinReply> {
    const { groupMinSessionTimeoutMs: min, groupMaxSessionTimeoutMs: max } = this.#config
    if (groupId === '') return joinFailed('INVALID_GROUP_ID', request.memberId)
    if (request.sessionTimeoutMs < min || request.sessionTimeoutMs > max) return joinFailed('INVALID_SESSION_TIMEOUT', request.memberId)
    const shard = this.#shards.serving(groupId)
    const group = request.memberId === '' ? shard.ensure(groupId) : shard.groups.get(groupId)
    if (group === undefined) return joinFailed('UNKNOWN_MEMBER_ID', request.memberId)
    const freshMemberId = `${request.instanceId ?? request.clientId}-${this.#uuid()}`
    return shard.ask<JoinReply>(group, (ticket, context) => joinEither(group, { ...request, freshMemberId }, ticket, context))
  }

  #uuid(): string {
    const hex = this.#random(Buffer.alloc(16)).toString('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  /** SyncGroup. */
  async sync(groupId: string, request: SyncRequest): Promise<SyncReply> {
    if (groupId === '') return syncFailed('INVALID_GROUP_ID')
    const shard = this.#shards.serving(groupId)
    const group = shard.groups.get(groupId)
    if (group === undefined) return syncFailed('UNKNOWN_MEMBER_ID')
    return shard.ask<SyncReply>(group, (ticket, context) => syncEither(group, request, ticket, context))
  }

  /** Heartbeat. Never waits for the disk, so that a slow one does not cost sessions. */
  heartbeat(groupId: string, request: Identity & { generation: number }): KafkaErrorName {
    if (groupId === '') return 'INVALID_GROUP_ID'
    const shard = this.#shards.serving(groupId)
    const group = shard.groups.get(groupId)
    if (group === undefined) return 'UNKNOWN_MEMBER_ID'
    return shard.change(group, (context) => heartbeatEither(group, request, context))
  }

  /** LeaveGroup: an error for each member named. */
  async leave(groupId: string, leaving: readonly Identity[]): Promise<KafkaErrorName[]> {
    if (groupId === '') throw kafkaError('INVALID_GROUP_ID')
    const shard = this.#shards.serving(groupId)
    const group = shard.groups.get(groupId)
    if (group === undefined) return leaving.map(() => 'UNKNOWN_MEMBER_ID')
    shard.checkWritable()
    const errors = shard.change(group, (context) => leaveEither(group, leaving, context))
    await shard.flushed()
    return errors
  }

  /**
   * ConsumerGroupHeartbeat: a member of the new protocol (KIP-848) joins, lives or leaves. Answered when what it was told is durable.
   * @throws KafkaError INVALID_REQUEST, UNSUPPORTED_ASSIGNOR, GROUP_ID_NOT_FOUND, UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH,
   * FENCED_INSTANCE_ID, UNRELEASED_INSTANCE_ID, GROUP_MAX_SIZE_REACHED, INVALID_REGULAR_EXPRESSION
   */
  async consumerHeartbeat(groupId: string, request: ConsumerHeartbeat, version = 1): Promise<ConsumerHeartbeatReply> {
    checkHeartbeat(groupId, request, version, this.#config.consumerAssignors)
    const shard = this.#shards.serving(groupId)
    const known = shard.groups.get(groupId)
    if (!shard.serves && known?.kind === 'consumer') shard.change(known, (context) => stayAlive(known, request, context))
    const memberId = request.memberId === '' ? this.#uuid() : request.memberId
    return shard.ask<ConsumerHeartbeatReply>(known ?? newConsumerGroup(groupId), (ticket, context) => {
      context.out.reply(ticket, heartbeatOrLeave(groupId, known, { ...request, memberId }, context))
    })
  }

  /** ConsumerGroupDescribe; undefined when there is no such group, or it is of another kind. */
  describeConsumerGroup(groupId: string): ConsumerGroupDescription | undefined {
    const group = this.#shards.serving(groupId).groups.get(groupId)
    return group?.kind === 'consumer' ? describeConsumerGroup(group, this.#config.consumerAssignors, this.#topics) : undefined
  }

  /** OffsetCommit: an error for each offset, after the good ones are durable. */
  async commit(groupId: string, request: CommitRequest, offsets: readonly OffsetToCommit[]): Promise<KafkaErrorName[]> {
    const shard = this.#shards.serving(groupId)
    const errors = commitInto(shard, groupId, request, offsets, this.#commits())
    await shard.flushed()
    return errors
  }

  /**
   * TxnOffsetCommit, after the transaction coordinator has agreed: the offsets become visible with the transaction's marker. Not made durable
   * here: EndTxn does that before the commit is decided.
   */
  commitInTransaction(
    groupId: string,
    request: CommitRequest,
    producer: CommittingProducer,
    offsets: readonly OffsetToCommit[],
  ): KafkaErrorName[] {
    return commitInto(this.#shards.serving(groupId), groupId, request, offsets, this.#commits(), producer)
  }

  #commits() {
    return { topics: this.#topics, maxMetadataBytes: this.#config.offsetMetadataMaxBytes }
  }

  /** The transaction coordinator's marker for offsets kept in `partition`. */
  endTransaction(partition: number, producerId: number, commit: boolean, marker: Buffer, transactionVersion: number): void {
    this.#shards.at(partition)?.endTransaction(producerId, commit, marker, transactionVersion)
  }

  /**
   * OffsetFetch; null for all partitions of the group.
   * @throws KafkaError UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH
   */
  async fetch(
    groupId: string,
    wanted: readonly TopicPartition[] | null,
    requireStable: boolean,
    member: FetchingMember = { memberId: null, memberEpoch: -1 },
  ): Promise<FetchedOffset[]> {
    const shard = this.#shards.serving(groupId)
    const fetched = fetchFrom(shard, groupId, wanted, requireStable, member)
    await shard.flushed()
    return fetched
  }

  /** The kind of a group; undefined when there is none of the name. */
  kindOf(groupId: string): Group['kind'] | undefined {
    return this.#shards.serving(groupId).groups.get(groupId)?.kind
  }

  /** DescribeGroups; undefined when there is no such group, or it is of another kind. */
  describe(groupId: string): GroupDescription | undefined {
    const group = this.#shards.serving(groupId).groups.get(groupId)
    return group?.kind === 'classic' ? describeGroup(group) : undefined
  }

  /** ListGroups. */
  list(): GroupListing[] {
    const listings: GroupListing[] = []
    for (const shard of this.#loaded ? this.#shards : []) {
      for (const group of shard.groups.values()) listings.push(listingOf(group))
    }
    return listings
  }

  /** DeleteGroups: only a group without members may go. */
  async delete(groupId: string): Promise<KafkaErrorName> {
    if (groupId === '') return 'INVALID_GROUP_ID'
    const shard = this.#shards.serving(groupId)
    const group = shard.groups.get(groupId)
    if (group === undefined) return 'GROUP_ID_NOT_FOUND'
    if (!isEmpty(group)) return 'NON_EMPTY_GROUP'
    shard.checkWritable()
    deleteGroup(shard, group)
    await shard.flushed()
    return 'NONE'
  }

  /**
   * OffsetDelete: an error for each partition.
   * @throws KafkaError GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP
   */
  async deleteOffsets(groupId: string, which: readonly TopicPartition[]): Promise<KafkaErrorName[]> {
    const shard = this.#shards.serving(groupId)
    const errors = deleteFrom(shard, groupId, which)
    await shard.flushed()
    return errors
  }

  /** A topic is gone, and so are its offsets in all groups. Where the disk refuses they stay until they expire. */
  forgetTopic(topic: string): void {
    for (const shard of this.#loaded ? this.#shards : []) {
      try {
        forgetTopic(shard, topic)
      } catch {
        // The shard has been read again; the others go on.
      }
    }
  }

  /** The partition of __consumer_offsets has lost records that were never synced: what was made of them goes. */
  recordsLost(partition: number): void {
    if (this.#loaded) this.#shards.at(partition)?.reload()
  }
}
