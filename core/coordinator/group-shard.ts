import type { Clock, Timer } from '../base/clock.ts'
import { kafkaError } from '../protocol/errors.ts'
import { type GroupCoordinatorConfig } from './coordinator-config.ts'
import { CoordinatorLog, GROUPS_TOPIC } from './coordinator-log.ts'
import { nextDeadline, tick } from './group.ts'
import { type Context, type Group, GroupState, newGroup, restoreGroup } from './group-state.ts'
import { type Moment, momentOf } from './moment.ts'
import { expiredOffsets } from './offsets.ts'
import { applyOffset, endPending, hasPending, newOffsetsState, type OffsetsState } from './offsets-state.ts'
import { Outcome, type Reply, type Ticket } from './outcome.ts'
import type { PartitionWriter } from './partition-writer.ts'
import { type CoordinatorRecord, decodeRecord } from './records.ts'
import { unavailable } from './unavailable.ts'

export interface ShardOptions {
  readonly writer: PartitionWriter
  readonly clock: Clock
  readonly config: GroupCoordinatorConfig
  /** Told when a group has changed: for observers. */
  readonly onChange: (group: Group) => void
}

interface Waiting {
  readonly resolve: (body: never) => void
  readonly reject: (error: unknown) => void
}

/** While the disk refuses: before the log is read again, or a timer that would write is tried again. */
const RETRY_MS = 1000

interface Scheduled {
  at: number
  timer: Timer
}

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
  readonly #waiting: Map<Ticket, Waiting>
  readonly #timers: Map<string, Scheduled>
  #lastTicket: Ticket
  #retry: Timer | undefined
  #loaded: boolean
  #closed: boolean

  constructor(partition: number, options: ShardOptions) {
    this.groups = new Map()
    this.offsets = newOffsetsState()
    this.#options = options
    this.#log = new CoordinatorLog(options.writer, GROUPS_TOPIC, partition)
    this.#waiting = new Map()
    this.#timers = new Map()
    this.#lastTicket = 0
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
      marker: (producerId, commit) => endPending(this.offsets, producerId, commit),
    })
    for (const groupId of this.offsets.groups.keys()) this.#ensure(groupId, now)
    this.#loaded = true
    for (const group of this.groups.values()) this.#schedule(group)
  }

  #restore(record: CoordinatorRecord, producerId: number, now: Moment): void {
    if (record.kind === 'offset') applyOffset(this.offsets, record.group, record.topic, record.partition, record.value, producerId)
    else if (record.kind === 'group' && record.value === null) this.groups.delete(record.group)
    else if (record.kind === 'group' && record.value !== null) this.groups.set(record.group, restoreGroup(record.group, record.value, now))
  }

  close(): void {
    this.#closed = true
    this.#retry?.cancel()
    this.#reset('COORDINATOR_NOT_AVAILABLE')
  }

  #reset(error: 'COORDINATOR_NOT_AVAILABLE' | 'NOT_COORDINATOR'): void {
    for (const { timer } of this.#timers.values()) timer.cancel()
    this.#timers.clear()
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject } of waiting) reject(kafkaError(error))
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
    if (this.groups.size >= this.#options.config.groupsMax)
      throw kafkaError('COORDINATOR_NOT_AVAILABLE', `${this.groups.size} groups are the limit (groups.max)`)
    return this.#ensure(groupId, momentOf(this.#options.clock))
  }

  #ensure(groupId: string, now: Moment): Group {
    const group = this.groups.get(groupId) ?? newGroup(groupId, now)
    this.groups.set(groupId, group)
    return group
  }

  /** Runs an operation whose answer may come later: `run` gets the ticket to answer with. */
  ask<Body>(group: Group, run: (ticket: Ticket, context: Context) => void): Promise<Body> {
    return new Promise<Body>((resolve, reject) => {
      this.checkWritable()
      const ticket = ++this.#lastTicket
      this.#waiting.set(ticket, { resolve, reject })
      this.change(group, (context) => run(ticket, context))
    })
  }

  /** Runs an operation on a group, appends its records and sees to its timers. Answers what `run` answered, at once. */
  change<Result>(group: Group, run: (context: Context) => Result, producer?: { producerId: number; producerEpoch: number }): Result {
    const { clock, config, onChange } = this.#options
    const context: Context = { now: momentOf(clock), config, out: new Outcome() }
    const before = group.state
    const result = run(context)
    this.#write(context, producer)
    this.#forgetIfUnused(group)
    this.#schedule(group)
    const forgotten = this.groups.get(group.id) !== group
    if (group.state !== before || context.out.records.length > 0 || forgotten) onChange(group)
    return result
  }

  #write({ out, now }: Context, producer?: { producerId: number; producerEpoch: number }): void {
    if (out.records.length > 0) {
      try {
        this.#log.append(out.records, now.wall, producer)
      } catch (error) {
        for (const { ticket } of out.replies) this.#waiting.get(ticket)?.reject(kafkaError('COORDINATOR_NOT_AVAILABLE'))
        this.reload()
        throw unavailable(error)
      }
      for (const record of out.records) this.#apply(record, producer?.producerId ?? -1)
    }
    if (out.replies.length > 0) this.#deliver(out.replies)
  }

  #apply(record: CoordinatorRecord, producerId: number): void {
    if (record.kind === 'offset') applyOffset(this.offsets, record.group, record.topic, record.partition, record.value, producerId)
    else if (record.kind === 'group' && record.value === null) this.groups.delete(record.group)
  }

  #deliver(replies: readonly Reply[]): void {
    const send = (): void => {
      for (const { ticket, body } of replies) {
        this.#waiting.get(ticket)?.resolve(body as never)
        this.#waiting.delete(ticket)
      }
    }
    const refuse = (error: unknown): void => {
      for (const { ticket } of replies) {
        this.#waiting.get(ticket)?.reject(error)
        this.#waiting.delete(ticket)
      }
    }
    if (this.#log.isDurable) send()
    else void this.flushed().then(send, refuse)
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
  endTransaction(producerId: number, commit: boolean, marker: Buffer): void {
    this.#log.appendMarker(marker)
    endPending(this.offsets, producerId, commit)
    const now = momentOf(this.#options.clock)
    for (const groupId of this.offsets.groups.keys()) this.#ensure(groupId, now)
  }

  #forgetIfUnused(group: Group): void {
    const unused = group.state === GroupState.empty && group.generation === 0 && group.pending.size === 0
    if (unused && !this.offsets.groups.has(group.id) && !hasPending(this.offsets, group.id)) this.groups.delete(group.id)
  }

  #schedule(group: Group): void {
    const at = this.groups.get(group.id) === group ? nextDeadline(group) : Infinity
    const scheduled = this.#timers.get(group.id)
    // A timer that fires early finds nothing due: cheaper than moving it at every sign of life.
    if (scheduled !== undefined && scheduled.at <= at && at !== Infinity) return
    scheduled?.timer.cancel()
    this.#timers.delete(group.id)
    if (at === Infinity || this.#closed) return
    const ms = Math.max(1, Math.ceil(at - this.#options.clock.monotonic()))
    const timer = this.#options.clock.after(ms, () => {
      this.#timers.delete(group.id)
      this.#fire(group)
    })
    this.#timers.set(group.id, { at, timer })
  }

  #fire(group: Group): void {
    if (this.#closed || this.groups.get(group.id) !== group) return
    if (!this.#log.isWritable) return this.#postpone(group)
    try {
      this.change(group, (context) => tick(group, context))
    } catch {
      // The log refused: the shard has been loaded again, with sessions that start anew.
    }
  }

  /** No member loses its session while its end could not be written down. */
  #postpone(group: Group): void {
    const { clock } = this.#options
    const timer = clock.after(RETRY_MS, () => {
      this.#timers.delete(group.id)
      this.#fire(group)
    })
    this.#timers.set(group.id, { at: clock.monotonic() + RETRY_MS, timer })
  }

  /** Expires offsets of empty groups, and empty groups without offsets. */
  expire(): void {
    if (!this.#loaded || this.#closed || !this.#log.isWritable) return
    const { clock, config } = this.#options
    for (const group of this.groups.values()) {
      if (group.state !== GroupState.empty || group.pending.size > 0) continue
      const expired = expiredOffsets(this.offsets, group, config.offsetsRetentionMs, momentOf(clock))
      const left = (this.offsets.groups.get(group.id)?.size ?? 0) - expired.length
      if (expired.length === 0 && left > 0) continue
      this.change(group, ({ out }) => {
        for (const { topic, partition } of expired) out.record({ kind: 'offset', group: group.id, topic, partition, value: null })
        if (left === 0 && !hasPending(this.offsets, group.id)) this.#bury(group, out)
      })
    }
  }

  /** The group is gone: a tombstone if it was ever written. */
  #bury(group: Group, out: Outcome): void {
    group.state = GroupState.dead
    if (group.generation > 0) out.record({ kind: 'group', group: group.id, value: null })
    else this.groups.delete(group.id)
  }

  /** DeleteGroups: tombstones for its offsets and for itself. */
  delete(group: Group): void {
    this.change(group, ({ out }) => {
      const offsets = [...(this.offsets.groups.get(group.id)?.entries() ?? [])]
      for (const { topic, partition } of offsets) out.record({ kind: 'offset', group: group.id, topic, partition, value: null })
      for (const groups of this.offsets.pending.values()) {
        for (const { topic, partition } of groups.get(group.id)?.entries() ?? []) {
          out.record({ kind: 'offset', group: group.id, topic, partition, value: null })
        }
      }
      this.#bury(group, out)
    })
  }
}
