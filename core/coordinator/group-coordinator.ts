import type { Clock, Timer } from '../base/clock.ts'
import { type RandomBytes, systemRandom } from '../base/uuid.ts'
import { kafkaError, type KafkaErrorName } from '../protocol/errors.ts'
import { type GroupCoordinatorConfig, groupDefaults } from './coordinator-config.ts'
import { GROUPS_TOPIC } from './coordinator-log.ts'
import { heartbeat, leave, sync, type SyncRequest } from './group.ts'
import { join, type JoinRequest } from './group-join.ts'
import type { Identity } from './group-members.ts'
import { describeGroup, type GroupDescription, joinFailed, type JoinReply, syncFailed, type SyncReply } from './group-replies.ts'
import { GroupShard } from './group-shard.ts'
import { type Group, GroupState, type GroupStateName } from './group-state.ts'
import {
  checkCommit,
  commitOffsets,
  type CommitRequest,
  deleteOffsets,
  type FetchedOffset,
  fetchOffsets,
  type OffsetToCommit,
  renewCommitter,
} from './offsets.ts'
import { partitionOf } from './partition-of.ts'
import { InternalTopic } from './internal-topic.ts'
import type { PartitionWriter, TopicPartition } from './partition-writer.ts'
import { subscribedTopics } from './subscription.ts'

export interface GroupCoordinatorOptions {
  readonly writer: PartitionWriter
  readonly clock: Clock
  readonly config?: Partial<GroupCoordinatorConfig>
  readonly random?: RandomBytes
  /** Told when a group changes its state or its offsets. */
  readonly onChange?: (groupId: string, state: GroupStateName) => void
}

export interface GroupListing {
  groupId: string
  protocolType: string
  state: GroupStateName
}

/** The producer whose transaction offsets are committed in. */
export interface CommittingProducer {
  readonly producerId: number
  readonly producerEpoch: number
}

/**
 * The group coordinator of this broker: members, generations and committed offsets of the groups whose partition of
 * __consumer_offsets it leads. Requests that it cannot serve now throw KafkaError (COORDINATOR_LOAD_IN_PROGRESS,
 * COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR).
 */
export class GroupCoordinator {
  readonly #clock: Clock
  readonly #config: GroupCoordinatorConfig
  readonly #random: RandomBytes
  readonly #shards: readonly GroupShard[]
  #loaded: boolean
  readonly #topic: InternalTopic
  #expiry: Timer | undefined

  constructor(options: GroupCoordinatorOptions) {
    this.#clock = options.clock
    this.#config = { ...groupDefaults, ...options.config }
    this.#random = options.random ?? systemRandom
    const onChange = (group: Group): void => options.onChange?.(group.id, group.state)
    const shard = { writer: options.writer, clock: options.clock, config: this.#config, onChange }
    this.#shards = Array.from({ length: this.#config.offsetsTopicNumPartitions }, (_, partition) => new GroupShard(partition, shard))
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
    for (const shard of this.#shards) {
      shard.load()
      // A big log must not keep other requests waiting: let them in between two partitions.
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#loaded = true
  }

  close(): void {
    this.#expiry?.cancel()
    for (const shard of this.#shards) shard.close()
  }

  #scheduleExpiry(): void {
    this.#expiry = this.#clock.after(this.#config.offsetsRetentionCheckIntervalMs, () => {
      this.#scheduleExpiry()
      for (const shard of this.#shards) {
        try {
          shard.expire()
        } catch {
          // The disk has refused: the shard has been read again, and is looked at next time.
        }
      }
    })
  }

  /** The partition of __consumer_offsets that keeps the group. */
  partitionFor(groupId: string): number {
    return partitionOf(groupId, this.#shards.length)
  }

  #shardOf(groupId: string): GroupShard {
    const shard = this.#shards[this.partitionFor(groupId)]!
    shard.check()
    return shard
  }

  /** JoinGroup; `freshMemberId` is chosen here. */
  async join(groupId: string, request: Omit<JoinRequest, 'freshMemberId'>): Promise<JoinReply> {
    const { groupMinSessionTimeoutMs: min, groupMaxSessionTimeoutMs: max } = this.#config
    if (groupId === '') return joinFailed('INVALID_GROUP_ID', request.memberId)
    if (request.sessionTimeoutMs < min || request.sessionTimeoutMs > max) return joinFailed('INVALID_SESSION_TIMEOUT', request.memberId)
    const shard = this.#shardOf(groupId)
    const group = request.memberId === '' ? shard.ensure(groupId) : shard.groups.get(groupId)
    if (group === undefined) return joinFailed('UNKNOWN_MEMBER_ID', request.memberId)
    const freshMemberId = `${request.instanceId ?? request.clientId}-${this.#uuid()}`
    return shard.ask<JoinReply>(group, (ticket, context) => join(group, { ...request, freshMemberId }, ticket, context))
  }

  #uuid(): string {
    const hex = this.#random(Buffer.alloc(16)).toString('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  /** SyncGroup. */
  async sync(groupId: string, request: SyncRequest): Promise<SyncReply> {
    if (groupId === '') return syncFailed('INVALID_GROUP_ID')
    const shard = this.#shardOf(groupId)
    const group = shard.groups.get(groupId)
    if (group === undefined) return syncFailed('UNKNOWN_MEMBER_ID')
    return shard.ask<SyncReply>(group, (ticket, context) => sync(group, request, ticket, context))
  }

  /** Heartbeat. Never waits for the disk, so that a slow one does not cost sessions. */
  heartbeat(groupId: string, request: Identity & { generation: number }): KafkaErrorName {
    if (groupId === '') return 'INVALID_GROUP_ID'
    const shard = this.#shardOf(groupId)
    const group = shard.groups.get(groupId)
    if (group === undefined) return 'UNKNOWN_MEMBER_ID'
    return shard.change(group, (context) => heartbeat(group, request, context))
  }

  /** LeaveGroup: an error for each member named. */
  async leave(groupId: string, leaving: readonly Identity[]): Promise<KafkaErrorName[]> {
    if (groupId === '') throw kafkaError('INVALID_GROUP_ID')
    const shard = this.#shardOf(groupId)
    const group = shard.groups.get(groupId)
    if (group === undefined) return leaving.map(() => 'UNKNOWN_MEMBER_ID')
    shard.checkWritable()
    const errors = shard.change(group, (context) => leave(group, leaving, context))
    await shard.flushed()
    return errors
  }

  /** OffsetCommit: an error for each offset, after the good ones are durable. */
  async commit(groupId: string, request: CommitRequest, offsets: readonly OffsetToCommit[]): Promise<KafkaErrorName[]> {
    const shard = this.#shardOf(groupId)
    const errors = this.#commit(shard, groupId, request, offsets)
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
    return this.#commit(this.#shardOf(groupId), groupId, request, offsets, producer)
  }

  #commit(
    shard: GroupShard,
    groupId: string,
    request: CommitRequest,
    offsets: readonly OffsetToCommit[],
    producer?: CommittingProducer,
  ): KafkaErrorName[] {
    shard.checkWritable()
    const known = shard.groups.get(groupId)
    if (known === undefined && request.generation >= 0) return offsets.map(() => 'ILLEGAL_GENERATION')
    const group = known ?? shard.ensure(groupId)
    const error = checkCommit(group, request, producer !== undefined)
    if (error !== 'NONE') return offsets.map(() => error)
    return shard.change(
      group,
      (context) => {
        renewCommitter(group, request, context)
        return commitOffsets(groupId, offsets, this.#config.offsetMetadataMaxBytes, context.now, context.out)
      },
      producer,
    )
  }

  /** The transaction coordinator's marker for offsets kept in `partition`. */
  endTransaction(partition: number, producerId: number, commit: boolean, marker: Buffer): void {
    this.#shards[partition]?.endTransaction(producerId, commit, marker)
  }

  /** OffsetFetch; null for all partitions of the group. */
  async fetch(groupId: string, wanted: readonly TopicPartition[] | null, requireStable: boolean): Promise<FetchedOffset[]> {
    const shard = this.#shardOf(groupId)
    const fetched = fetchOffsets(shard.offsets, groupId, wanted, requireStable)
    await shard.flushed()
    return fetched
  }

  /** DescribeGroups; undefined when there is no such group. */
  describe(groupId: string): GroupDescription | undefined {
    const group = this.#shardOf(groupId).groups.get(groupId)
    return group && describeGroup(group)
  }

  /** ListGroups. */
  list(): GroupListing[] {
    const listings: GroupListing[] = []
    for (const shard of this.#shards) {
      if (!this.#loaded) continue
      for (const group of shard.groups.values())
        listings.push({ groupId: group.id, protocolType: group.protocolType ?? '', state: group.state })
    }
    return listings
  }

  /** DeleteGroups: only a group without members may go. */
  async delete(groupId: string): Promise<KafkaErrorName> {
    if (groupId === '') return 'INVALID_GROUP_ID'
    const shard = this.#shardOf(groupId)
    const group = shard.groups.get(groupId)
    if (group === undefined) return 'GROUP_ID_NOT_FOUND'
    if (group.state !== GroupState.empty) return 'NON_EMPTY_GROUP'
    shard.checkWritable()
    shard.delete(group)
    await shard.flushed()
    return 'NONE'
  }

  /** OffsetDelete: offsets of topics that a member of a consumer group is subscribed to stay. */
  async deleteOffsets(groupId: string, which: readonly TopicPartition[]): Promise<KafkaErrorName[]> {
    const shard = this.#shardOf(groupId)
    const group = shard.groups.get(groupId)
    if (group === undefined) throw kafkaError('GROUP_ID_NOT_FOUND')
    if (group.state !== GroupState.empty && group.protocolType !== 'consumer') throw kafkaError('NON_EMPTY_GROUP')
    shard.checkWritable()
    const kept = subscribedTopics(group)
    const errors = which.map(({ topic }): KafkaErrorName => (kept.has(topic) ? 'GROUP_SUBSCRIBED_TO_TOPIC' : 'NONE'))
    shard.change(group, ({ out }) =>
      deleteOffsets(
        shard.offsets,
        groupId,
        which.filter(({ topic }) => !kept.has(topic)),
        out,
      ),
    )
    await shard.flushed()
    return errors
  }

  /** A topic is gone, and so are its offsets in all groups. Where the disk refuses they stay until they expire. */
  forgetTopic(topic: string): void {
    for (const shard of this.#loaded ? this.#shards : []) {
      try {
        this.#forgetTopic(shard, topic)
      } catch {
        // The shard has been read again; the others go on.
      }
    }
  }

  #forgetTopic(shard: GroupShard, topic: string): void {
    shard.checkWritable()
    for (const [groupId, offsets] of Array.from(shard.offsets.groups)) {
      const gone = [...offsets.entries()].filter((entry) => entry.topic === topic)
      if (gone.length > 0) shard.change(shard.ensure(groupId), ({ out }) => deleteOffsets(shard.offsets, groupId, gone, out))
    }
  }

  /** The partition of __consumer_offsets has lost records that were never synced: what was made of them goes. */
  recordsLost(partition: number): void {
    if (this.#loaded) this.#shards[partition]?.reload()
  }
}
