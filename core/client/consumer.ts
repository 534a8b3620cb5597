import { MoldauError } from '../base/errors.ts'
import type { EventHub } from '../base/event-hub.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import * as args from './arguments.ts'
import { Assignment } from './assignment.ts'
import { check } from './checks.ts'
import { batchLoop } from './batch-loop.ts'
import type { ConsumerEvents } from './client-events.ts'
import { CLOSE_TIMEOUT_MS } from './farewell.ts'
import type { Committable, Done } from './committable.ts'
import { ConsumerGroup } from './consumer-group.ts'
import { ConsumerInterceptors } from './interceptors.ts'
import type { ConsumerMetricName } from './metrics/consumer-stats.ts'
import type { MetricsSnapshot } from './metrics/snapshot.ts'
import type { PartitionState } from './partition-state.ts'
import { OffsetLookup, type OffsetAtTime } from './offset-lookup.ts'
import type { ConsumerOptions } from './consumer-options.ts'
import { readConsumerOptions, type ReadConsumerOptions } from './read-consumer-options.ts'
import { ConsumerView } from './consumer-view.ts'
import { Reading, type Taking } from './reading.ts'
import type { Subscription } from './membership.ts'
import type { RawBatch } from './raw-batch.ts'
import type { CommittedOffset, ConsumerBatch, GroupMetadata, OffsetSpec, PollOptions, RebalanceListener } from './types.ts'

const POLL_TIMEOUT_MS = 1000

/**
 * Reads records, batch by batch, in order per partition.
 *
 * ```ts
 * const consumer = client.consumer({ groupId: 'archive', isolationLevel: 'read_committed' })
 * consumer.subscribe(['flights'])
 * for await (const batch of consumer) {
 *   for (const { key, value } of records(batch)) console.log(key?.toString(), value?.toString())
 *   await consumer.commit(batch)
 * }
 * ```
 */
export class Consumer {
  /** What comes and goes, what goes wrong, and the end: for those who show it. */
  readonly events: EventHub<ConsumerEvents>
  readonly #view: ConsumerView
  readonly #options: ReadConsumerOptions
  readonly #assignment: Assignment
  readonly #group: ConsumerGroup | undefined
  readonly #reading: Reading
  readonly #lookup: OffsetLookup
  readonly #decoded: Taking<ConsumerBatch>
  readonly #onClosed: () => void
  /** No more polls. */
  #closing: boolean
  #closed: boolean

  /** Made by {@link Client.consumer}. */
  constructor(cluster: Cluster, given: ConsumerOptions, name = 'consumer', onClosed: () => void = () => {}) {
    const options = readConsumerOptions(given)
    const view = new ConsumerView(cluster, name, options.isolationLevel)
    this.events = view.events
    this.#view = view
    this.#options = options
    const assignment = new Assignment()
    this.#assignment = assignment
    const { groupId } = options
    const interceptors = new ConsumerInterceptors(options.interceptors, cluster.logger)
    this.#decoded = { take: (fetched) => fetched.take(), seen: (taken) => interceptors.consume(taken) }
    const onAssigned = (): void => this.#reading.wake()
    const onAttention = (): void => this.#reading.attend()
    const inGroup = { cluster, options, assignment, interceptors, view, onAssigned, onAttention }
    this.#group = groupId === undefined ? undefined : new ConsumerGroup({ ...inGroup, groupId })
    this.#reading = new Reading({ cluster, options, assignment, view, group: this.#group })
    this.#lookup = new OffsetLookup(cluster, options.isolationLevel)
    this.#onClosed = onClosed
    this.#closing = false
    this.#closed = false
  }

  /**
   * Reads topics as a member of the group: that or those named, or all that match, also when they are created later. Partitions come and go inside
   * {@link Consumer.poll}, which waits for the listener.
   */
  subscribe(topics: string | Subscription, listener: RebalanceListener = {}): void {
    const group = this.#requireGroup('subscribe()')
    check('consumer.subscribe()', 'topics', topics, args.subscription)
    check('consumer.subscribe()', 'listener', listener, args.rebalanceListener)
    group.subscribe(typeof topics === 'string' ? [topics] : topics instanceof RegExp ? topics : [...topics], listener)
    this.#reading.attend()
  }

  /**
   * Reads these partitions, no matter what the group does. Without an offset it begins at what the group has committed, or as
   * `autoOffsetReset` says. Partitions that were assigned before and have no offset here keep their position.
   */
  assign(partitions: readonly (TopicPartition & { offset?: OffsetSpec })[]): void {
    this.#refuseWhenClosed()
    check('consumer.assign()', 'partitions', partitions, args.startingPlaces)
    if (this.#group?.subscribed)
      throw new MoldauError('INVALID_ARGUMENT', 'consumer: assign() after subscribe(): the group decides; make another consumer')
    const before = this.assignment()
    this.#assignment.replace(partitions, this.#group === undefined ? 'reset' : 'committed')
    this.#reading.wake()
    this.#view.reassigned(before, this.assignment())
  }

  /**
   * The batches that have come, each in offset order within its partition; at most `maxPollRecords` records, rounded up to whole batches. Waits for up to
   * `timeoutMs` when there are none; returns early and empty when positions moved past markers, so that a program that reads to an end sees it.
   *
   * @param timeoutMs default 1 s
   * @param options signal: ends the wait when it is aborted, as Kafka's `wakeup` does; poll then throws its reason, and has handed out nothing
   * @throws MoldauError FENCED, UNKNOWN_TOPIC, CORRUPT_BATCH; KafkaError OFFSET_OUT_OF_RANGE and LogTruncationError when autoOffsetReset is 'none'
   */
  async poll(timeoutMs: number = POLL_TIMEOUT_MS, { signal }: PollOptions = {}): Promise<ConsumerBatch[]> {
    check('consumer.poll()', 'timeoutMs', timeoutMs, args.timeout)
    this.#refuseRaw('poll()')
    return this.#reading.poll(timeoutMs, this.#decoded, this.#options.maxPollRecords, signal)
  }

  /**
   * As {@link Consumer.poll}, but batches as they lie in the log, with nothing decoded or decompressed: for copies. Under read_uncommitted the
   * markers of transactions and batches that compaction has emptied are handed out, too. Messages in the formats of Kafka before 0.11 come as
   * batches of today. Interceptors do not see any of it.
   *
   * ```ts
   * const consumer = client.consumer({ raw: true, isolationLevel: 'read_committed' })
   * for (const batch of await consumer.pollRaw()) await producer.sendRaw(batch.topic, batch.partition, batch)
   * ```
   *
   * @param timeoutMs default 1 s
   * @param options as of poll
   */
  async pollRaw(timeoutMs: number = POLL_TIMEOUT_MS, { signal }: PollOptions = {}): Promise<RawBatch[]> {
    check('consumer.pollRaw()', 'timeoutMs', timeoutMs, args.timeout)
    if (!this.#options.raw) throw new MoldauError('INVALID_ARGUMENT', 'consumer: pollRaw() needs the option raw: true')
    return this.#reading.poll(timeoutMs, undecoded, this.#options.maxPollRecords, signal)
  }

  /**
   * The batches one after the other, without end: what `for await (const batch of consumer)` goes through. Ends when the consumer is closed, and
   * when the signal is aborted, after the batch that the program is at. A batch is handed out when it is asked for, so that a loop that is left
   * misses nothing: the next loop or poll goes on behind its last batch.
   *
   * ```ts
   * const stop = new AbortController()
   * process.once('SIGTERM', () => stop.abort())
   * for await (const batch of consumer.batches({ signal: stop.signal })) {
   *   await work(batch)
   *   await consumer.commit(batch)
   * }
   * await consumer.close()
   * ```
   */
  batches({ signal }: PollOptions = {}): AsyncGenerator<ConsumerBatch, void> {
    this.#refuseRaw('batches()')
    const { maxPollRecords } = this.#options
    const options = {
      reading: this.#reading,
      taking: this.#decoded,
      group: this.#group,
      maxPollRecords,
      timeoutMs: POLL_TIMEOUT_MS,
      signal,
    }
    return batchLoop(options)
  }

  [Symbol.asyncIterator](): AsyncGenerator<ConsumerBatch, void> {
    return this.batches()
  }

  /**
   * Has the group shared out anew at the next poll, for an assignor whose {@link Assignor.userData} has something new to say; partitions are
   * revoked and given as in any rebalance. The coordinator passes over a follower that says the same as before. Kafka's
   * `Consumer.enforceRebalance`; of a group of KIP-848, which the broker shares out, nothing happens.
   */
  enforceRebalance(): void {
    this.#requireGroup('enforceRebalance()').enforceRebalance()
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
    return this.#stateOf('position()', tp).position
  }

  /** Goes on at an offset, 'earliest', 'latest' or `{ timestamp }` (milliseconds since 1970); what was fetched from elsewhere is dropped. */
  seek(tp: TopicPartition, to: OffsetSpec): void {
    const state = this.#stateOf('seek()', tp)
    check('consumer.seek()', 'to', to, args.place)
    state.restart(to)
    this.#group?.sought(tp)
    this.#reading.wake()
  }

  /** Hands out nothing of these partitions until {@link Consumer.resume}. What has been fetched is kept. */
  pause(partitions: readonly TopicPartition[]): void {
    this.#setPaused('pause()', partitions, true)
    this.#reading.refill()
  }

  /** What {@link Consumer.pause} holds back. */
  paused(): TopicPartition[] {
    return [...this.#assignment].filter(({ paused }) => paused).map(({ topic, partition }) => ({ topic, partition }))
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#setPaused('resume()', partitions, false)
    this.#reading.wake()
    this.#reading.attend()
  }

  assignment(): TopicPartition[] {
    return this.#assignment.partitions()
  }

  /**
   * Commits for the group: what is given, or everything that has been handed out, by poll or to a loop, the batch that it is at included. A batch
   * or a record stands for the offset behind it, and is committed only if this member has had its partition all the while: what was read before
   * a rebalance cannot overwrite what another member has committed since (KIP-447). A bare offset says nothing of that: it is committed if
   * a member that has subscribed holds the partition now.
   *
   * ```ts
   * for await (const batch of consumer) {
   *   await work(batch)
   *   await consumer.commit(batch)
   * }
   * ```
   *
   * @param group who commits positions; default the member as it is now
   * @throws KafkaError ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS, STALE_MEMBER_EPOCH: the partitions are no longer ours
   */
  async commit(what?: Committable | readonly Committable[], group?: GroupMetadata): Promise<void> {
    const own = this.#requireGroup('commit()')
    const read = what ?? own.handedOut()
    check('consumer.commit()', 'what', read, args.committables)
    if (group !== undefined) check('consumer.commit()', 'group', group, args.groupMetadata)
    await own.commitRead(read, group)
  }

  /** What the group has committed, by `topic-partition`; null where nothing is. */
  async committed(partitions: readonly TopicPartition[]): Promise<Map<string, CommittedOffset | null>> {
    const group = this.#requireGroup('committed()')
    check('consumer.committed()', 'partitions', partitions, args.topicPartitions)
    return group.committedByKey(partitions)
  }

  /** Where the partitions end for this consumer: the high watermark, or the last stable offset under read_committed. */
  async endOffsets(partitions: readonly TopicPartition[]): Promise<Map<string, number>> {
    this.#refuseWhenClosed()
    return this.#lookup.at(partitions, 'latest')
  }

  async beginningOffsets(partitions: readonly TopicPartition[]): Promise<Map<string, number>> {
    this.#refuseWhenClosed()
    return this.#lookup.at(partitions, 'earliest')
  }

  /** The first record at or after a time (milliseconds since 1970), by `topic-partition`; null when all are older. */
  async offsetsForTimes(queries: readonly (TopicPartition & { timestamp: number })[]): Promise<Map<string, OffsetAtTime | null>> {
    this.#refuseWhenClosed()
    return this.#lookup.atTimes(queries)
  }

  /** Of the last fetch. */
  highWatermark(tp: TopicPartition): number | undefined {
    return known(this.#stateOf('highWatermark()', tp).highWatermark)
  }

  /** Where the partition ended for this consumer at the last fetch: at that position it is idle. */
  fetchedEnd(tp: TopicPartition): number | undefined {
    const state = this.#stateOf('fetchedEnd()', tp)
    return known(this.#options.isolationLevel === 'read_committed' ? state.lastStableOffset : state.highWatermark)
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Whether a poll says that everything handed out before is done, and may be committed (`enableAutoCommit`). */
  get commitsByItself(): boolean {
    return this.#options.enableAutoCommit
  }

  /** Records (offsets, to be exact) between the position and {@link Consumer.fetchedEnd}: asks nobody. Kafka's `currentLag`. */
  currentLag(tp: TopicPartition): number | undefined {
    const end = this.fetchedEnd(tp)
    const position = this.position(tp)
    return end === undefined || position === undefined ? undefined : Math.max(0, end - position)
  }

  /**
   * Who this consumer is in its group; for {@link Producer.sendOffsets}.
   *
   * @param read a batch or a record that was read: who may commit it. The member as it is now when it has had the partition all the while, else
   *   as it was then, whom the coordinator refuses. Default: as it is now
   */
  groupMetadata(read?: Done): GroupMetadata {
    const group = this.#requireGroup('groupMetadata()')
    return read?.group ? group.readAs([read], read.group) : group.metadata
  }

  /**
   * Ends. Commits what was handed out where `enableAutoCommit` says so, else nothing; then calls `onRevoked` of the listener with what this member
   * holds, which may commit, or `onLost` where others have it already.
   *
   * @param options leave: whether to leave the group, so that others get the partitions at once; by default a static member does not, and
   *   finds its partitions when it is back within the session time-out. timeoutMs: how long to try to commit, and to wait for the listener,
   *   default 10 s
   * @throws what the listener throws; the consumer is closed all the same
   */
  async close({ leave, timeoutMs = CLOSE_TIMEOUT_MS }: { leave?: boolean; timeoutMs?: number } = {}): Promise<void> {
    if (this.#closing) return
    check('consumer.close()', 'timeoutMs', timeoutMs, args.timeout)
    this.#closing = true
    const fetchesEnded = this.#reading.close()
    try {
      await this.#group?.close(timeoutMs, leave)
    } finally {
      this.#closed = true
      await fetchesEnded
      this.#assignment.clear()
      this.events.emit('closed', {})
      this.#onClosed()
    }
  }

  #stateOf(call: string, tp: TopicPartition): PartitionState {
    this.#refuseWhenClosed()
    check(`consumer.${call}`, 'tp', tp, args.topicPartition)
    return this.#assignment.require(tp)
  }

  #setPaused(call: string, partitions: readonly TopicPartition[], paused: boolean): void {
    this.#refuseWhenClosed()
    check(`consumer.${call}`, 'partitions', partitions, args.topicPartitions)
    for (const state of partitions.map((tp) => this.#assignment.require(tp))) state.paused = paused
  }

  #refuseWhenClosed(): void {
    if (this.#closed) throw new MoldauError('CLOSED', 'the consumer is closed: make another one')
  }

  #refuseRaw(call: string): void {
    if (this.#options.raw) throw new MoldauError('INVALID_ARGUMENT', `consumer: ${call} of a raw consumer: use pollRaw()`)
  }

  #requireGroup(call: string): ConsumerGroup {
    this.#refuseWhenClosed()
    if (this.#group === undefined) throw new MoldauError('INVALID_ARGUMENT', `consumer: ${call} needs a groupId`)
    return this.#group
  }
}

const undecoded: Taking<RawBatch> = { take: (fetched) => fetched.takeRaw(), seen: (taken) => taken }

function known(offset: number): number | undefined {
  return offset < 0 ? undefined : offset
}
