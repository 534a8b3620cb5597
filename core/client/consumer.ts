import { MoldauError } from '../base/errors.ts'
import type { EventHub } from '../base/event-hub.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import { Assignment } from './assignment.ts'
import type { ConsumerEvents } from './client-events.ts'
import { FetchLoop } from './fetch-loop.ts'
import { GroupMember } from './group-member.ts'
import { Handout } from './handout.ts'
import { ConsumerInterceptors } from './interceptors.ts'
import type { ConsumerMetricName } from './metrics/consumer-stats.ts'
import type { MetricsSnapshot } from './metrics/snapshot.ts'
import { findOffsets, OffsetAt } from './offset-requests.ts'
import type { FoundOffset } from './offset-requests.ts'
import { readConsumerOptions } from './consumer-options.ts'
import type { ConsumerOptions } from './consumer-options.ts'
import type { PartitionState } from './partition-state.ts'
import { PollWait } from './poll-wait.ts'
import { Positions } from './positions.ts'
import { ConsumerView } from './consumer-view.ts'
import { Rebalances } from './rebalances.ts'
import type { CommittedOffset, ConsumerBatch, GroupMetadata, OffsetSpec, OffsetToCommit, RebalanceListener } from './types.ts'

const POLL_TIMEOUT_MS = 1000

/**
 * Reads records, batch by batch, in order per partition.
 *
 * ```ts
 * const consumer = client.consumer({ groupId: 'archive', isolation: 'read_committed' })
 * consumer.subscribe(['flights'])
 * for await (const { columns, from, count } of consumer) {
 *   for (let i = from; i < from + count; i++) console.log(columns.value(i)?.toString())
 *   await consumer.commit()
 * }
 * ```
 */
export class Consumer {
  /** What comes and goes, what goes wrong, and the end: for those who show it. */
  readonly events: EventHub<ConsumerEvents>
  readonly #cluster: Cluster
  readonly #view: ConsumerView
  readonly #options: ReturnType<typeof readConsumerOptions>
  readonly #assignment: Assignment
  readonly #member: GroupMember | undefined
  readonly #fetchLoop: FetchLoop
  readonly #positions: Positions
  readonly #handout: Handout
  readonly #interceptors: ConsumerInterceptors
  #rebalances: Rebalances | undefined
  readonly #pollWait: PollWait
  #polling: boolean
  #error: Error | undefined
  readonly #onClosed: () => void
  #closed: boolean

  /** Made by {@link Client.consumer}. */
  constructor(cluster: Cluster, given: ConsumerOptions, name = 'consumer', onClosed: () => void = () => {}) {
    const options = readConsumerOptions(given)
    this.#cluster = cluster
    const view = new ConsumerView(cluster, name, options.isolationLevel)
    this.events = view.events
    this.#view = view
    const { watcher } = view
    this.#options = options
    const partitions = new Assignment()
    this.#assignment = partitions
    this.#pollWait = new PollWait(cluster.clock)
    const onProgress = (): void => this.#onProgress()
    const onError = (error: Error): void => this.#onError(error)
    const onAttention = (): void => this.#pollWait.wake()
    const { groupId } = options
    this.#member =
      groupId === undefined
        ? undefined
        : new GroupMember({ ...options, groupInstanceId: options.groupInstanceId ?? null, cluster, groupId, onAttention, watcher })
    const onOutOfRange = (state: PartitionState): void => this.#outOfRange(state)
    this.#fetchLoop = new FetchLoop({ ...options, cluster, partitions, onProgress, onOutOfRange, onError, watcher })
    this.#positions = new Positions({
      ...options,
      cluster,
      member: this.#member,
      timeoutMs: cluster.requestTimeoutMs,
      partitions,
      onProgress,
      onError,
    })
    this.#interceptors = new ConsumerInterceptors(options.interceptors, cluster.logger)
    this.#handout = new Handout(partitions, onOutOfRange, view.stats)
    this.#rebalances = undefined
    this.#polling = false
    this.#error = undefined
    this.#onClosed = onClosed
    this.#closed = false
  }

  /** Reads topics as a member of the group: partitions come and go inside {@link Consumer.poll}, which waits for the listener. */
  subscribe(topics: readonly string[], listener: RebalanceListener = {}): void {
    const member = this.#requireGroup('subscribe()')
    member.subscribe([...topics])
    const { clock } = this.#cluster
    this.#rebalances ??= new Rebalances({ clock, member, assignment: this.#assignment, onAssigned: () => this.#wake() })
    this.#rebalances.listener = this.#view.over(listener, member)
    this.#pollWait.wake()
  }

  /**
   * Reads these partitions, no matter what the group does. Without an offset it begins at what the group has committed, or as
   * `autoOffsetReset` says. Partitions that were assigned before and have no offset here keep their position.
   */
  assign(partitions: readonly (TopicPartition & { offset?: OffsetSpec })[]): void {
    if (this.#rebalances !== undefined)
      throw new MoldauError('INVALID_ARGUMENT', 'consumer: assign() after subscribe(): the group decides; make another consumer')
    this.#assignment.replace(partitions, this.#member === undefined ? 'reset' : 'committed')
    this.#wake()
  }

  /**
   * The batches that have come, each in offset order within its partition; at most `maxPollRecords` records, rounded up to whole batches. Waits for up to
   * `timeoutMs` when there are none; returns early and empty when positions moved past markers, so that a program that reads to an end sees it.
   *
   * @param timeoutMs default 1 s
   * @throws MoldauError FENCED, UNKNOWN_TOPIC, CORRUPT_BATCH; KafkaError OFFSET_OUT_OF_RANGE when autoOffsetReset is 'none'
   */
  async poll(timeoutMs: number = POLL_TIMEOUT_MS): Promise<ConsumerBatch[]> {
    if (this.#polling) throw new MoldauError('INVALID_ARGUMENT', 'consumer: poll() is running already: await it first')
    this.#polling = true
    try {
      const from = this.#cluster.clock.monotonic()
      const deadline = from + timeoutMs
      this.#view.stats.poll.begins(from)
      for (;;) {
        this.#throwIfFailed()
        this.#member?.polled()
        const settled = (await this.#rebalances?.settle(deadline)) ?? true
        const taken = settled ? this.#handout.take(this.#options.maxPollRecords) : []
        if (taken.length > 0) this.#fetchLoop.wake()
        const batches = this.#interceptors.consume(taken)
        const left = deadline - this.#cluster.clock.monotonic()
        if (this.#handout.progressed() || batches.length > 0 || left <= 0) return batches
        await this.#pollWait.wait(left)
      }
    } catch (error) {
      throw this.#view.told('poll', error)
    } finally {
      this.#polling = false
      this.#view.stats.poll.ends(this.#cluster.clock.monotonic())
    }
  }

  /** Calls this listener too when partitions come and go, after that of {@link Consumer.subscribe}. Returns the way to stop that. */
  addRebalanceListener(listener: RebalanceListener): () => void {
    return this.#view.add(listener)
  }

  /** What this consumer measures, under Kafka's names. */
  metrics(): MetricsSnapshot<ConsumerMetricName> {
    return this.#view.metrics(this.#assignment)
  }

  /** The next offset that poll will hand out, past markers and holes; undefined while it is being found out. */
  position(tp: TopicPartition): number | undefined {
    return this.#assignment.require(tp).position
  }

  /** Goes on at `offset`; what was fetched from elsewhere is dropped. */
  seek(tp: TopicPartition, offset: OffsetSpec): void {
    this.#assignment.require(tp).restart(offset)
    this.#wake()
  }

  /** Hands out nothing of these partitions until {@link Consumer.resume}. What has been fetched is kept. */
  pause(partitions: readonly TopicPartition[]): void {
    for (const tp of partitions) this.#assignment.require(tp).paused = true
    this.#fetchLoop.wake()
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const tp of partitions) this.#assignment.require(tp).paused = false
    this.#wake()
    this.#pollWait.wake()
  }

  assignment(): TopicPartition[] {
    return this.#assignment.partitions()
  }

  /**
   * Commits positions for the group: those given, or of everything that poll has handed out.
   *
   * @param group who commits; default the member as it is now. Pass the {@link Consumer.groupMetadata} of the time of the poll when
   *   polling goes on meanwhile: then what was read before a rebalance cannot overwrite what another member has committed since.
   * @throws KafkaError ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS: the partitions are no longer ours
   */
  async commit(offsets?: readonly OffsetToCommit[], group?: GroupMetadata): Promise<void> {
    const member = this.#requireGroup('commit()')
    const positions = offsets ?? this.#assignment.positions()
    if (positions.length === 0) return
    try {
      await member.commit(positions, group ?? member.metadata, this.#cluster.requestTimeoutMs)
    } catch (error) {
      throw this.#view.told('commit', error)
    }
    this.#interceptors.committed(positions)
  }

  /** What the group has committed, by `topic-partition`; null where nothing is. */
  async committed(partitions: readonly TopicPartition[]): Promise<Map<string, CommittedOffset | null>> {
    const found = await this.#requireGroup('committed()').committed(partitions, this.#cluster.requestTimeoutMs)
    const byKey = new Map(found.map((offset) => [tpKey(offset), offset]))
    return new Map(
      partitions.map((tp) => {
        const offset = byKey.get(tpKey(tp))
        return [
          tpKey(tp),
          offset === undefined ? null : { offset: offset.offset, leaderEpoch: offset.leaderEpoch, metadata: offset.metadata },
        ]
      }),
    )
  }

  /** Where the partitions end for this consumer: the high watermark, or the last stable offset under read_committed. */
  endOffsets(partitions: readonly TopicPartition[]): Promise<Map<string, number>> {
    return this.#offsetsAt(partitions, OffsetAt.latest)
  }

  beginningOffsets(partitions: readonly TopicPartition[]): Promise<Map<string, number>> {
    return this.#offsetsAt(partitions, OffsetAt.earliest)
  }

  /** The first record at or after a time (milliseconds since 1970), by `topic-partition`; null when all are older. */
  async offsetsForTimes(
    queries: readonly (TopicPartition & { timestamp: number })[],
  ): Promise<Map<string, { offset: number; timestamp: number; leaderEpoch: number } | null>> {
    const found = await this.#find(queries)
    return new Map(
      found.map((o) => [tpKey(o), o.offset < 0 ? null : { offset: o.offset, timestamp: o.timestamp, leaderEpoch: o.leaderEpoch }]),
    )
  }

  /** Of the last fetch. */
  highWatermark(tp: TopicPartition): number | undefined {
    return known(this.#assignment.require(tp).highWatermark)
  }

  /** Where the partition ended for this consumer at the last fetch: at that position it is idle. */
  fetchedEnd(tp: TopicPartition): number | undefined {
    const state = this.#assignment.require(tp)
    return known(this.#options.isolationLevel === 'read_committed' ? state.lastStableOffset : state.highWatermark)
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Who this consumer is in its group now; for {@link Producer.sendOffsets}. */
  groupMetadata(): GroupMetadata {
    return this.#requireGroup('groupMetadata()').metadata
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumerBatch, void> {
    while (!this.#closed) yield* await this.poll()
  }

  /**
   * Ends. Commits nothing.
   *
   * @param options leave: whether to leave the group, so that others get the partitions at once. Default: a static member does not, it
   *   only goes away and finds its partitions when it is back within the session time-out; others do
   */
  async close(options: { leave?: boolean } = {}): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#fetchLoop.close()
    this.#assignment.clear()
    this.#pollWait.wake()
    await this.#member?.close(options.leave ?? this.#options.groupInstanceId === undefined)
    this.events.emit('closed', {})
    this.#onClosed()
  }

  #onProgress(): void {
    try {
      this.#handout.skipUnseen()
    } catch (error) {
      this.#error = error as Error
    }
    this.#fetchLoop.wake()
    this.#pollWait.wake()
  }

  #outOfRange(state: PartitionState): void {
    const { logger } = this.#cluster
    logger.warn({ topic: state.topic, partition: state.partition, offset: state.position }, 'consumer: the offset is out of range')
    state.restart('reset')
    this.#positions.wake()
  }

  #wake(): void {
    this.#positions.wake()
    this.#fetchLoop.wake()
  }

  #onError(error: Error): void {
    this.#error ??= error
    this.#pollWait.wake()
  }

  /** Each failure is thrown once: a program that catches it may seek and go on. */
  #throwIfFailed(): void {
    if (this.#closed) throw new MoldauError('CLOSED', 'the consumer is closed: make another one')
    const error = this.#error
    this.#error = undefined
    if (error !== undefined) throw error
    this.#positions.wake()
  }

  async #offsetsAt(partitions: readonly TopicPartition[], timestamp: number): Promise<Map<string, number>> {
    const found = await this.#find(partitions.map(({ topic, partition }) => ({ topic, partition, timestamp })))
    return new Map(found.map((offset) => [tpKey(offset), offset.offset]))
  }

  #find(queries: readonly (TopicPartition & { timestamp: number })[]): Promise<FoundOffset[]> {
    return findOffsets(this.#cluster, queries, this.#options.isolationLevel, this.#cluster.requestTimeoutMs)
  }

  #requireGroup(call: string): GroupMember {
    if (this.#closed) throw new MoldauError('CLOSED', 'the consumer is closed: make another one')
    if (this.#member === undefined) throw new MoldauError('INVALID_ARGUMENT', `consumer: ${call} needs a groupId`)
    return this.#member
  }
}

function known(offset: number): number | undefined {
  return offset < 0 ? undefined : offset
}
