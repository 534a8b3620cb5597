import { assert } from '../core/base/assert.ts'
import type { Consumer } from '../core/client/consumer.ts'
import type { ConsumerBatch, OffsetToCommit, TopicPartition } from '../core/client/types.ts'
import { type Assigned, Assignment } from './assignment.ts'
import { CallsStopped } from './calls/call-site.ts'
import { Ends } from './ends.ts'
import { EpochSize } from './epoch-size.ts'
import { runEpoch } from './epoch.ts'
import type { Meter } from './metrics.ts'
import { groupId, transactionalId } from './names.ts'
import { epochRecordsOf, type Settings } from './options.ts'
import type { Part, Plan } from './plan.ts'
import { Purge } from './purge.ts'
import { fenced, isFenced, mustRejoin, Patience } from './retry.ts'
import { keyOf, type Piece, Slices } from './slices.ts'
import type { Task } from './task.ts'
import { setUp } from './topic-setup.ts'
import { openTransaction, type Transaction } from './transaction.ts'
import { settleable, type Worker } from './worker.ts'

/** How long a poll waits when there is nothing to do, in milliseconds: how soon stop, drain and idleness are noticed. */
const IDLE_POLL_MS = 50
/** After so many records the event loop gets its turn: heartbeats, fetches, a broker in the same process. */
const TURN_RECORDS = 10_000
/** What may lie fetched and not yet polled, in bytes. */
const PREFETCH_BYTES = 4 * 1024 * 1024

/**
 * Runs the parts of a pipeline that read topics: one consumer, one producer, one loop. While an epoch commits, the next slice is
 * polled; it is run when the commit is done. A rebalance happens only inside poll, and waits for the epoch under way.
 */
export class TopicWorker implements Worker {
  readonly #settings: Settings
  readonly #plan: Plan
  readonly #parts: readonly Part[]
  readonly #meter: Meter
  readonly #epochSize: EpochSize
  readonly #transaction: Transaction
  readonly #consumer: Consumer
  readonly #slices: Slices
  readonly #purge: Purge
  readonly #done: ReturnType<typeof settleable>
  #assignment: Assignment | undefined
  #ends: Ends | undefined
  /** Never rejects. */
  #executing: Promise<void>
  #failure: unknown
  /** Raised when what was taken from the slices does not count any more. */
  #generation: number
  /** The tasks were dropped, the group has not given new ones yet. */
  #needsTasks: boolean
  /** The group has said what is ours, be it nothing. */
  #joined: boolean
  #lastEpochAt: number
  #stopping: boolean
  #draining: boolean

  constructor(settings: Settings, plan: Plan, parts: readonly Part[], meter: Meter) {
    this.#settings = settings
    this.#plan = plan
    this.#parts = parts
    this.#meter = meter
    this.#epochSize = new EpochSize(settings, parts)
    this.#transaction = openTransaction(settings, transactionalId(settings, plan.name, 0), parts)
    this.#consumer = settings.client.consumer({
      groupId: groupId(settings, plan.name),
      groupInstanceId: `${plan.name}-${settings.instanceId}`,
      isolationLevel: 'read_committed',
      autoOffsetReset: 'earliest',
      partitionAssignmentStrategy: ['range'],
      sessionTimeoutMs: settings.sessionTimeoutMs,
      heartbeatIntervalMs: Math.min(3000, Math.floor(settings.sessionTimeoutMs / 3)),
      maxPollRecords: epochRecordsOf(settings, parts),
      prefetchBytes: PREFETCH_BYTES,
      fetchMaxBytes: PREFETCH_BYTES,
    })
    this.#slices = new Slices()
    this.#ends = undefined
    this.#purge = new Purge(settings)
    this.#done = settleable()
    this.#assignment = undefined
    this.#executing = Promise.resolve()
    this.#failure = undefined
    this.#generation = 0
    this.#needsTasks = false
    this.#joined = false
    this.#lastEpochAt = -Infinity
    this.#stopping = false
    this.#draining = false
    meter.lag = () => this.#lag()
    meter.watermark = () => this.#watermark()
  }

  get done(): Promise<void> {
    return this.#done.promise
  }

  async start(): Promise<void> {
    let topics: string[]
    try {
      const setup = await setUp(this.#settings, this.#plan, this.#parts, this.#transaction)
      const { inputs } = setup
      topics = inputs.map((input) => input.topic)
      this.#ends = new Ends(this.#settings, inputs, (topic) => this.#transaction.partitions(topic))
      this.#assignment = new Assignment(this.#settings, this.#plan, this.#transaction, this.#meter.calls, setup)
      // Before anything is read back: what a dead self has left open is aborted now.
      await this.#transaction.init()
    } catch (error) {
      await this.#close()
      throw error
    }
    this.#consumer.subscribe(topics, {
      onAssigned: (partitions) => this.#assigned(partitions),
      onRevoked: (partitions) => this.#revoked(partitions, false),
      onLost: (partitions) => this.#revoked(partitions, true),
    })
    void this.#run()
  }

  drain(): void {
    this.#draining = true
  }

  stop(): void {
    this.#stopping = true
    this.#meter.calls.stop()
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopping && !(await this.#isDrained())) {
        const pieces = await this.#collect()
        const generation = this.#generation
        await this.#executing
        if (this.#failure !== undefined) throw this.#failure
        if (generation === this.#generation) this.#executing = this.#execute(pieces)
      }
      await this.#executing
      if (this.#failure !== undefined) throw this.#failure
      if (this.#ends!.areSet) await this.#purge.run(this.#assignment!)
      await this.#close()
      this.#done.resolve()
    } catch (error) {
      await this.#executing
      await this.#close().catch(() => undefined)
      this.#done.reject(isFenced(error) ? fenced(this.#settings, this.#plan.name, error) : error)
    }
  }

  async #close(): Promise<void> {
    const [lag, watermark] = [this.#lag(), this.#watermark()]
    this.#meter.lag = () => lag
    this.#meter.watermark = () => watermark
    await this.#transaction.close()
    // After a drain for good; a stopped or failed one is likely to be back soon and keeps its place for the session time-out.
    await this.#consumer.close({ leave: this.#ends?.areSet === true })
  }

  /** Polls until a slice is full or due; may come back with nothing, so that timers and ends are looked at. */
  async #collect(): Promise<Piece[]> {
    const { clock, epochMs, epochBytes } = this.#settings
    const epochRecords = this.#epochSize.records
    for (;;) {
      const slices = this.#slices
      if (this.#stopping || slices.records >= epochRecords || slices.bytes >= epochBytes) break
      const due = this.#lastEpochAt + epochMs - clock.monotonic()
      if (slices.records > 0 && due <= 0) break
      await this.#poll(slices.records > 0 ? Math.min(due, IDLE_POLL_MS) : IDLE_POLL_MS)
      if (slices.records === 0) break
    }
    return this.#stopping ? [] : this.#slices.take(epochRecords, epochBytes)
  }

  async #poll(timeoutMs: number): Promise<void> {
    const patience = new Patience(this.#settings)
    for (;;) {
      try {
        if (this.#draining && this.#joined) await this.#ends!.advance(this.#consumer)
        const batches = await this.#consumer.poll(Math.ceil(timeoutMs))
        if (this.#needsTasks) {
          const assignment = this.#consumer.assignment()
          if (assignment.length > 0) await this.#assigned(assignment)
          return
        }
        for (const batch of batches) this.#add(batch)
        return
      } catch (error) {
        if (isFenced(error)) throw error
        // Reading of changelogs may have been cut off: begin again with what is assigned.
        this.#abandon()
        await patience.wait(error)
      }
    }
  }

  #add(batch: ConsumerBatch): void {
    // Behind the end that a drain has set there is another run's work.
    if (batch.firstOffset >= this.#ends!.of(batch)) return
    this.#slices.add(batch, this.#assignment!.polled(batch))
    this.#assignment!.setPolled(batch, batch.nextOffset)
  }

  async #assigned(partitions: readonly TopicPartition[]): Promise<void> {
    await this.#executing
    if (partitions.length > 0) await this.#assignment!.add(partitions, this.#consumer)
    this.#needsTasks = false
    this.#joined = true
  }

  async #revoked(partitions: readonly TopicPartition[], lost: boolean): Promise<void> {
    await this.#executing
    this.#generation++
    this.#joined = false
    for (const partition of partitions) this.#slices.drop(partition)
    if (lost) this.#assignment!.clear()
    else this.#assignment!.suspend(partitions)
  }

  /** Forgets all tasks and everything read: both come again from what is committed. */
  #abandon(): void {
    this.#generation++
    this.#slices.clear()
    this.#assignment!.clear()
    this.#needsTasks = this.#consumer.assignment().length > 0
  }

  /** Never rejects: what fails for good is kept for the loop. */
  async #execute(pieces: readonly Piece[]): Promise<void> {
    try {
      await this.#runEpoch(pieces)
    } catch (error) {
      if (mustRejoin(error)) this.#abandon()
      // What was dropped, the next run reads.
      else if (error instanceof CallsStopped) this.#abandon()
      else this.#failure ??= error
    }
  }

  /** Runs one epoch: the pieces, and tasks whose time has moved or ended without any. */
  async #runEpoch(pieces: readonly Piece[]): Promise<void> {
    const assignment = this.#assignment!
    const tasks = new Set<Assigned>()
    for (const { batch, after, nextOffset } of pieces) {
      const assigned = assignment.taskOf(batch)
      assert(
        assigned !== undefined && assignment.position(batch) >= after,
        `${keyOf(batch)}: what was polled before ${after} has not been run`,
      )
      tasks.add(assigned)
      assignment.advance(batch, nextOffset)
      this.#ends!.moved(batch)
    }
    for (const assigned of assignment.tasks) this.#passMarkers(assigned)
    const idle = this.#ends!.newlyIdle(assignment, this.#consumer)
    for (const [assigned] of idle) tasks.add(assigned)
    for (const assigned of this.#ends!.unfinished(assignment)) tasks.add(assigned)
    if (tasks.size === 0) return
    this.#lastEpochAt = this.#settings.clock.monotonic()
    const inEpoch = [...tasks]
    let offsets: OffsetToCommit[] = []
    // Asked once, now: a drain may begin while the epoch commits.
    const atEnd = new Set(inEpoch.filter((assigned) => this.#ends!.isAtEnd(assigned, assignment)).map(({ task }) => task))
    const ended = (task: Task) => atEnd.has(task)
    const epoch = {
      tasks: inEpoch.map(({ task }) => task),
      feed: () => this.#feed(pieces, idle),
      ended,
      offsets: () => (offsets = inEpoch.flatMap((assigned) => assignment.offsets(assigned, ended(assigned.task)))),
    }
    const records = pieces.reduce((sum, { count }) => sum + count, 0)
    await runEpoch(epoch, { settings: this.#settings, transaction: this.#transaction, consumer: this.#consumer, meter: this.#meter })
    this.#epochSize.took(records, this.#settings.clock.monotonic() - this.#lastEpochAt)
    assignment.committed(offsets)
    this.#purge.tick(assignment)
    for (const assigned of inEpoch) assigned.ended = ended(assigned.task)
  }

  async #feed(pieces: readonly Piece[], idle: readonly (readonly [Assigned, number])[]): Promise<void> {
    let fed = 0
    for (const { batch, from, count } of pieces) {
      const { topic, partition, columns } = batch
      this.#assignment!.taskOf(batch)!.task.feed({ topic, partition, columns, from, count })
      const room = this.#transaction.room()
      if (room !== undefined) await room
      fed += count
      if (fed < TURN_RECORDS) continue
      fed = 0
      await new Promise(setImmediate)
    }
    for (const [{ task }, channel] of idle) task.watermarks.setIdle(channel)
  }

  /** Control markers and holes behind the last record count as read, so that lag goes to zero and ends are seen. */
  #passMarkers({ inputs }: Assigned): void {
    for (const input of inputs) {
      // What was polled is to be run first.
      if (this.#assignment!.position(input) < this.#assignment!.polled(input)) continue
      const position = this.#consumer.position(input)
      const target = this.#ends!.of(input)
      if (position === undefined || position <= this.#assignment!.position(input)) continue
      this.#assignment!.advance(input, Math.min(position, target))
      this.#assignment!.setPolled(input, Math.min(position, target))
    }
  }

  async #isDrained(): Promise<boolean> {
    if (!this.#ends!.areSet || this.#slices.records > 0 || this.#needsTasks || !this.#joined) return false
    await this.#executing
    if (this.#failure !== undefined) return false
    return this.#ends!.allFinished(this.#assignment!)
  }

  #lag(): number {
    let lag = 0
    for (const input of this.#consumer.assignment()) {
      const end = this.#consumer.highWatermark(input)
      if (end !== undefined && this.#assignment?.taskOf(input) !== undefined) lag += Math.max(0, end - this.#assignment.position(input))
    }
    return lag
  }

  #watermark(): number {
    let least = Infinity
    for (const { task } of this.#assignment?.tasks ?? []) if (task.watermark >= 0) least = Math.min(least, task.watermark)
    return least === Infinity ? -1 : least
  }
}
