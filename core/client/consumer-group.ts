import { MoldauError } from '../base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import { kafkaError } from '../protocol/errors.ts'
import type { Assignment } from './assignment.ts'
import { AutoCommit } from './auto-commit.ts'
import { positionsByGroup } from './committable.ts'
import type { Committable } from './committable.ts'
import { ConsumerMember } from './consumer-member.ts'
import type { ReadConsumerOptions } from './read-consumer-options.ts'
import type { ConsumerView } from './consumer-view.ts'
import { within } from './farewell.ts'
import { Generations } from './generations.ts'
import { GroupMember } from './group-member.ts'
import { GroupOffsets } from './group-offsets.ts'
import type { ConsumerInterceptors } from './interceptors.ts'
import type { Membership, Subscription } from './membership.ts'
import type { GroupOffset } from './offset-requests.ts'
import { Rebalances } from './rebalances.ts'
import type { CommittedOffset, ConsumerBatch, GroupMetadata, OffsetToCommit, RebalanceListener } from './types.ts'

export interface ConsumerGroupOptions {
  cluster: Cluster
  groupId: string
  options: ReadConsumerOptions
  assignment: Assignment
  onAssigned: () => void
  /** The next poll has something to see to. */
  onAttention: () => void
  /** Told what has been committed. */
  interceptors: ConsumerInterceptors
  view: ConsumerView
}

/** What a consumer is in its group: a member, which partitions it has through rebalances, and what it commits. */
export class ConsumerGroup {
  readonly #options: ConsumerGroupOptions
  readonly #member: Membership
  readonly #rebalances: Rebalances
  readonly #offsets: GroupOffsets
  readonly #autoCommit: AutoCommit | undefined
  #subscribed: boolean
  /** What a loop was handed and has not come back from: not done. */
  #inHand: ConsumerBatch | undefined
  /** The loop is in the middle of that. */
  #looping: boolean
  #closing: boolean

  constructor(given: ConsumerGroupOptions) {
    const { cluster, groupId, options, assignment, onAssigned, onAttention, view } = given
    const { watcher } = view
    const groupInstanceId = options.groupInstanceId ?? null
    const generations = new Generations(groupId, groupInstanceId)
    this.#options = given
    const inGroup = { ...options, groupInstanceId, rackId: options.clientRack || null, generations, cluster, watcher, groupId, onAttention }
    this.#member = options.groupProtocol === 'consumer' ? new ConsumerMember(inGroup) : new GroupMember(inGroup)
    this.#rebalances = new Rebalances({
      member: this.#member,
      generations,
      assignment,
      beforeRevoked: async () => await this.#autoCommit?.finish(),
      onAssigned,
      onJoined: onAttention,
    })
    const holdsSince = (tp: TopicPartition, group: GroupMetadata): boolean => this.#rebalances.holdsSince(tp, group)
    const topicIdOf = (tp: TopicPartition): string | undefined => this.#rebalances.topicIdOf(tp)
    this.#offsets = new GroupOffsets({ cluster, watcher, groupId, groupInstanceId, member: this.#member, holdsSince, topicIdOf })
    this.#autoCommit = options.enableAutoCommit
      ? new AutoCommit({
          clock: cluster.clock,
          logger: cluster.logger,
          intervalMs: options.autoCommitIntervalMs,
          positions: () => this.#done(),
          commit: (offsets) => this.commit(offsets),
          onFailure: (error) => view.told('automatic commit', error),
        })
      : undefined
    this.#subscribed = false
    this.#inHand = undefined
    this.#looping = false
    this.#closing = false
  }

  /** Whether the group decides what is read. */
  get subscribed(): boolean {
    return this.#subscribed
  }

  get metadata(): GroupMetadata {
    return this.#member.metadata
  }

  /** Whether {@link ConsumerGroup.settle} would do something. */
  get ready(): boolean {
    return this.#subscribed && this.#rebalances.ready
  }

  subscribe(subscription: Subscription, listener: RebalanceListener): void {
    this.#subscribed = true
    this.#rebalances.listener = this.#options.view.over(listener, this.#member)
    this.#member.subscribe(subscription)
  }

  enforceRebalance(): void {
    if (this.#subscribed) this.#member.enforceRebalance()
  }

  /** A poll begins: everything that was handed out before is done. */
  polled(): void {
    this.#inHand = undefined
    this.#member.polled()
    this.#autoCommit?.polled()
  }

  /** Sees to a rebalance that is due. */
  async settle(): Promise<void> {
    this.#member.polled()
    if (this.#subscribed) await this.#rebalances.settle()
  }

  /** A loop begins with a batch, which is not done before the loop asks for the next one. */
  begun(batch: ConsumerBatch): void {
    this.#inHand = batch
    this.#looping = true
  }

  /** The loop is done with its batch. */
  finished(): void {
    this.#inHand = undefined
    this.#looping = false
    this.#member.polled()
  }

  /** The loop was left: nobody says whether its last batch is done, so that what is committed by itself leaves it out. */
  left(): void {
    this.#looping = false
  }

  /** The program goes on elsewhere, whatever it was handed before. */
  sought(tp: TopicPartition): void {
    if (this.#inHand !== undefined && tpKey(this.#inHand) === tpKey(tp)) this.#inHand = undefined
  }

  /**
   * What a program commits that names nothing: everything that was handed out. The end may come while a loop is in the middle of a batch:
   * what a listener commits then leaves it out.
   */
  handedOut(): OffsetToCommit[] {
    return this.#closing && this.#looping ? this.#done() : this.#options.assignment.positions()
  }

  #done(): OffsetToCommit[] {
    const positions = this.#options.assignment.positions()
    const batch = this.#inHand
    if (batch === undefined) return positions
    const { topic, partition, firstOffset } = batch
    return positions.map((position) => (tpKey(position) === tpKey(batch) ? { topic, partition, offset: firstOffset } : position))
  }

  /** See {@link GroupOffsets.authority}. @throws MoldauError INVALID_ARGUMENT when a member of another group has read it */
  readAs(partitions: readonly TopicPartition[], group: GroupMetadata): GroupMetadata {
    this.#refuseOthers(group)
    return this.#offsets.authority(partitions, group)
  }

  async commit(offsets: readonly OffsetToCommit[], group: GroupMetadata = this.metadata): Promise<void> {
    const { cluster, interceptors } = this.#options
    if (offsets.length === 0) return
    await this.#offsets.commit(offsets, group, cluster.requestTimeoutMs)
    interceptors.committed(offsets)
  }

  committed(partitions: readonly TopicPartition[], timeoutMs: number): Promise<GroupOffset[]> {
    return this.#offsets.committed(partitions, timeoutMs)
  }

  /** What was read as the member that it was then, unless `group` says who commits. */
  async commitRead(what: Committable | readonly Committable[], group?: GroupMetadata): Promise<void> {
    const byGroup = positionsByGroup(Array.isArray(what) ? (what as readonly Committable[]) : [what as Committable])
    for (const reader of [...byGroup.keys(), group ?? null]) if (reader !== null) this.#refuseOthers(reader)
    try {
      if (group === undefined && this.#subscribed) this.#requireHeld(byGroup.get(null) ?? [])
      for (const [reader, positions] of byGroup) await this.commit(positions, group ?? reader ?? this.metadata)
    } catch (error) {
      throw this.#options.view.told('commit()', error)
    }
  }

  /** A position that says nothing of its reader would be committed as the member is now, over what the owner of the partition has done. */
  #requireHeld(positions: readonly OffsetToCommit[]): void {
    const foreign = positions.find((tp) => !this.#rebalances.holds(tp))
    if (foreign === undefined) return
    const { groupId } = this.#options
    throw kafkaError(
      'ILLEGAL_GENERATION',
      `commit the offset of ${tpKey(foreign)} for group '${groupId}': this member does not hold it now`,
    )
  }

  /** By `topic-partition`; null where nothing is committed. */
  async committedByKey(partitions: readonly TopicPartition[]): Promise<Map<string, CommittedOffset | null>> {
    const found = await this.committed(partitions, this.#options.cluster.requestTimeoutMs)
    const byKey = new Map(found.map((o) => [tpKey(o), { offset: o.offset, leaderEpoch: o.leaderEpoch, metadata: o.metadata }]))
    return new Map(partitions.map((tp) => [tpKey(tp), byKey.get(tpKey(tp)) ?? null]))
  }

  /**
   * Commits what is to be committed by itself, then has the listener told, then goes.
   *
   * @param timeoutMs how long to try to commit, and to wait for the listener
   * @param leave default: a static member stays in the group, others leave
   * @throws what the listener throws, at the end
   */
  async close(timeoutMs: number, leave: boolean = this.#options.options.groupInstanceId === undefined): Promise<void> {
    const { clock, logger } = this.#options.cluster
    const deadline = clock.monotonic() + timeoutMs
    this.#closing = true
    const committing = this.#autoCommit?.end()
    const isReachable = committing === undefined || (await within(clock, timeoutMs, committing))
    const telling = this.#rebalances.end()
    try {
      if (await within(clock, Math.max(0, deadline - clock.monotonic()), telling)) await telling
      else
        logger.warn(
          { groupId: this.#options.groupId, timeoutMs },
          'group: the listener takes too long, the member goes without waiting for it',
        )
    } finally {
      this.#offsets.close()
      await this.#member.close(leave && isReachable)
    }
  }

  /** How far another group has got is not how far this one has. */
  #refuseOthers({ groupId }: GroupMetadata): void {
    if (groupId === this.#options.groupId) return
    const message = `consumer: this was read in group '${groupId}', and this consumer is in group '${this.#options.groupId}': let the one that has read it commit`
    throw new MoldauError('INVALID_ARGUMENT', message)
  }
}
