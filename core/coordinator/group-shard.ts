import type { Clock, Timer } from '../base/clock.ts'
import { kafkaError } from '../protocol/errors.ts'
import { type GroupCoordinatorConfig } from './coordinator-config.ts'
import { CoordinatorLog, GROUPS_TOPIC } from './coordinator-log.ts'
import { restoreOwners } from './consumer/apply.ts'
import type { ConsumerContext } from './consumer/context.ts'
import { consumerTick, nextConsumerDeadline } from './consumer/leave.ts'
import { resumeConsumerGroup } from './consumer/resume.ts'
import type { ConsumerGroup } from './consumer/state.ts'
import { nextDeadline, tick } from './group.ts'
import { rebalance } from './group-rebalance.ts'
import { restoreGroupRecord } from './group-restore.ts'
import { type ClassicGroup, type GroupConfig, newGroup } from './group-state.ts'
import { GroupTimers } from './group-timers.ts'
import { type Moment, momentOf } from './moment.ts'
import { applyOffset, endPending, newOffsetsState, type OffsetsState } from './offsets-state.ts'
import { Outcome, type Reply, type Ticket } from './outcome.ts'
import { OwedReplies } from './owed-replies.ts'
import type { PartitionWriter } from './partition-writer.ts'
import { type CoordinatorRecord, decodeRecord } from './records.ts'
import type { TopicCatalog } from './topic-catalog.ts'
import { unavailable } from './unavailable.ts'

/** Of the classic protocol, or of the new one (KIP-848). */
export type Group = ClassicGroup | ConsumerGroup

export interface ShardOptions {
  readonly writer: PartitionWriter
  readonly clock: Clock
  readonly config: GroupCoordinatorConfig
  readonly topics: TopicCatalog
  /** Settings that a group has for itself. */
  readonly settingsOf: (groupId: string) => Partial<GroupConfig> | undefined
  /** Told when a group has changed: for observers. */
  readonly onChange: (group: Group) => void
}

/** While the disk refuses: before the log is read again, or a timer that would write is tried again. */
const RETRY_MS = 1000

/**
 * The groups of one partition of __consumer_offsets. Operations change the state at once, one after the other; their
 * records are appended in the same order, and no answer leaves before everything it was computed from is durable. When
 * the log refuses, the state is thrown away and read from the log again.
 */
export class GroupShard {
  readonly groups: Map<string, Group>
  offsets: OffsetsState
  readonly #options: ShardOptions
  readonly #log: CoordinatorLog
  readonly #owed: OwedReplies
  readonly #timers: GroupTimers
  #retry: Timer | undefined
  #loaded: boolean
  #closed: boolean

  constructor(partition: number, options: ShardOptions) {
    this.groups = new Map()
    this.offsets = newOffsetsState()
    this.#options = options
    this.#log = new CoordinatorLog(options.writer, GROUPS_TOPIC, partition)
    this.#owed = new OwedReplies()
    this.#timers = new GroupTimers(options.clock, (groupId) => this.#fire(groupId))
    this.#retry = undefined
    this.#loaded = false
    this.#closed = false
  }

  /** Reads the partition; until then every request is told to come again. */
  load(): void {
    const now = momentOf(this.#options.clock)
    this.groups.clear()
    this.offsets = newOffsetsState()
    this.#log.replay({
      record: (key, value, producerId) => {
        const record = decodeRecord('groups', key, value)
        if (record !== undefined) this.#restore(record, producerId, now)
      },
      marker: (producerId, commit) => void endPending(this.offsets, producerId, commit),
    })
    for (const groupId of this.offsets.groups.keys()) this.#ensure(groupId, now)
    this.#loaded = true
    for (const group of this.groups.values()) this.#resume(group, now)
  }

  #restore(record: CoordinatorRecord, producerId: number, now: Moment): void {
    if (record.kind === 'offset') applyOffset(this.offsets, record.group, record.topic, record.partition, record.value, producerId)
    else restoreGroupRecord(this.groups, record, now)
  }

  /** Sessions start anew, and so does what members had been told to do in time. */
  #resume(group: Group, now: Moment): void {
    const config = this.#configOf(group.id)
    if (group.kind === 'consumer') {
      restoreOwners(group)
      resumeConsumerGroup(group, config, now)
    } else if (group.members.size > config.groupMaxSize) {
      // The setting has been lowered: those who join first may stay.
      this.change(group, (context) => rebalance(group, context))
      return
    }
    this.#schedule(group)
  }

  #configOf(groupId: string): GroupConfig {
    const { config, settingsOf } = this.#options
    const own = settingsOf(groupId)
    return own === undefined ? config : { ...config, ...own }
  }

  close(): void {
    this.#closed = true
    this.#retry?.cancel()
    this.#reset('COORDINATOR_NOT_AVAILABLE')
  }

  #reset(error: 'COORDINATOR_NOT_AVAILABLE' | 'NOT_COORDINATOR'): void {
    this.#timers.clear()
    this.#owed.refuseAll(error)
  }

  /** True when it can answer and write. */
  get serves(): boolean {
    return this.#loaded && !this.#closed && this.#log.isWritable
  }

  /** Throws while the shard cannot serve. */
  check(): void {
    if (this.#closed) throw kafkaError('COORDINATOR_NOT_AVAILABLE')
    if (!this.#loaded) throw kafkaError('COORDINATOR_LOAD_IN_PROGRESS')
  }

  /** Throws while nothing can be written: asked before the state is changed, which would have to be thrown away. */
  checkWritable(): void {
    if (!this.#log.isWritable) throw kafkaError('COORDINATOR_NOT_AVAILABLE', 'the disk refuses the partition of this group')
  }

  /** The group, made when it does not exist. */
  ensure(groupId: string): Group {
    const group = this.groups.get(groupId)
    if (group !== undefined) return group
    this.#checkRoom()
    return this.#ensure(groupId, momentOf(this.#options.clock))
  }

  #checkRoom(): void {
    if (this.groups.size >= this.#options.config.groupsMax)
      throw kafkaError('COORDINATOR_NOT_AVAILABLE', `${this.groups.size} groups are the limit (groups.max)`)
  }

  #ensure(groupId: string, now: Moment): Group {
    const group = this.groups.get(groupId) ?? newGroup(groupId, now)
    this.groups.set(groupId, group)
    return group
  }

  /** Runs an operation whose answer may come later: `run` gets the ticket to answer with. */
  ask<Body>(group: Group, run: (ticket: Ticket, context: ConsumerContext) => void): Promise<Body> {
    return this.#owed.owe<Body>((ticket) => {
      this.checkWritable()
      this.change(group, (context) => run(ticket, context))
    })
  }

  /**
   * Runs an operation on a group, appends its records and sees to its timers. Answers what `run` answered, at once. The operation may put
   * another group under the name. It throws before it changes anything, or not at all.
   */
  change<Result>(
    group: Group,
    run: (context: ConsumerContext) => Result,
    producer?: { producerId: number; producerEpoch: number },
  ): Result {
    const { clock, topics, onChange } = this.#options
    const context: ConsumerContext = {
      now: momentOf(clock),
      config: this.#configOf(group.id),
      out: new Outcome(),
      topics,
      replace: (other) => {
        if (!this.groups.has(other.id)) this.#checkRoom()
        this.groups.set(other.id, other)
      },
    }
    const before = group.kind === 'classic' ? group.state : undefined
    const result = this.#attempt(run, context)
    this.#write(context, producer)
    this.#schedule(this.groups.get(group.id) ?? group)
    const isOther = this.groups.get(group.id) !== group || (group.kind === 'classic' && group.state !== before)
    if (isOther || context.out.records.length > 0) onChange(this.groups.get(group.id) ?? group)
    return result
  }

  #attempt<Result>(run: (context: ConsumerContext) => Result, context: ConsumerContext): Result {
    try {
      return run(context)
    } catch (error) {
      // Half an operation must not stay: what the log has is what counts.
      if (context.out.records.length > 0) this.reload()
      throw error
    }
  }

  #write({ out, now }: Pick<ConsumerContext, 'out' | 'now'>, producer?: { producerId: number; producerEpoch: number }): void {
    if (out.records.length > 0) {
      try {
        this.#log.append(out.records, now.wall, producer)
      } catch (error) {
        this.#owed.refuse(out.replies, kafkaError('COORDINATOR_NOT_AVAILABLE'))
        this.reload()
        throw unavailable(error)
      }
      for (const record of out.records) this.#apply(record, producer?.producerId ?? -1)
    }
    if (out.replies.length > 0) this.#deliver(out.replies)
  }

  #apply(record: CoordinatorRecord, producerId: number): void {
    if (record.kind === 'offset') applyOffset(this.offsets, record.group, record.topic, record.partition, record.value, producerId)
    else if (record.kind === 'group' && record.value === null) this.#remove(record.group, 'classic')
    else if (record.kind === 'consumer group' && record.value === null) this.#remove(record.group, 'consumer')
  }

  /** A tombstone removes a group of its own kind only: another may have taken its place in the same operation. */
  #remove(groupId: string, kind: Group['kind']): void {
    if (this.groups.get(groupId)?.kind === kind) this.groups.delete(groupId)
  }

  #deliver(replies: readonly Reply[]): void {
    if (this.#log.isDurable) return this.#owed.send(replies)
    void this.flushed().then(
      () => this.#owed.send(replies),
      (error: unknown) => this.#owed.refuse(replies, error),
    )
  }

  /** Resolves when everything the shard has told or is about to tell is durable. */
  async flushed(): Promise<void> {
    // The failure that made it so has seen to it that the state is that of the log.
    if (!this.#log.isDurable) this.checkWritable()
    try {
      await this.#log.flushed()
    } catch {
      this.reload()
      throw kafkaError('COORDINATOR_NOT_AVAILABLE')
    }
  }

  /** The log is not what the state was made from: reads it again; when that fails, later. */
  reload(): void {
    if (this.#closed) return
    this.#reset('NOT_COORDINATOR')
    this.#loaded = false
    this.#retry?.cancel()
    try {
      this.load()
    } catch {
      this.#retry = this.#options.clock.after(RETRY_MS, () => this.reload())
    }
  }

  /** Ends a transaction that has offsets in this partition. */
  endTransaction(producerId: number, commit: boolean, marker: Buffer, transactionVersion: number): void {
    this.#log.appendMarker(marker, transactionVersion)
    const now = momentOf(this.#options.clock)
    for (const groupId of endPending(this.offsets, producerId, commit)) this.#ensure(groupId, now)
  }

  #schedule(group: Group): void {
    const isDue = !this.#closed && this.groups.get(group.id) === group
    this.#timers.schedule(group.id, isDue ? deadlineOf(group) : Infinity)
  }

  #fire(groupId: string): void {
    const group = this.groups.get(groupId)
    if (this.#closed || group === undefined) return
    // No member loses its session while its end could not be written down.
    if (!this.#log.isWritable) return this.#timers.schedule(groupId, this.#options.clock.monotonic() + RETRY_MS)
    try {
      this.change(group, (context) => (group.kind === 'classic' ? tick(group, context) : consumerTick(group, context)))
    } catch {
      // The log refused: the shard has been loaded again, with sessions that start anew.
    }
  }
}

function deadlineOf(group: Group): number {
  return group.kind === 'classic' ? nextDeadline(group) : nextConsumerDeadline(group)
}
