import { assert } from '../core/base/assert.ts'
import type { Consumer } from '../core/client/consumer.ts'
import type { ConsumerBatch, OffsetToCommit, TopicPartition } from '../core/client/types.ts'
import { GroupTalk } from './assign/group-talk.ts'
import { Assignment } from './assignment.ts'
import { CallsStopped } from './calls/call-site.ts'
import { Replicas } from './copies/replicas.ts'
import { openTransaction } from './commit/open-transaction.ts'
import type { Transaction } from './commit/transaction.ts'
import { Ends } from './ends.ts'
import { EpochSize } from './epoch-size.ts'
import { runEpoch } from './epoch.ts'
import { feed, passMarkers } from './feed.ts'
import { groupConsumer } from './group-consumer.ts'
import { GlobalStores } from './global-stores.ts'
import { GlobalTables } from './global-tables.ts'
import { LostInput } from './lost-input.ts'
import type { Meter } from './metrics.ts'
import { transactionalId } from './names.ts'
import { epochRecordsOf, type Settings } from './options.ts'
import type { Part, Plan } from './plan.ts'
import { Purge } from './purge.ts'
import { fenced, isFenced, mustRejoin, Patience } from './retry.ts'
import { keyOf, type Piece, Slices } from './slices.ts'
import type { Task } from './task.ts'
import { type Assigned, TaskMaker } from './task-maker.ts'
import { setUp } from './topic-setup.ts'
import { settleable, type StopOptions, type Worker } from './worker.ts'

/** How long a poll waits when there is nothing to do, in milliseconds: how soon stop, drain and idleness are noticed. */
const IDLE_POLL_MS = 50

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
  readonly #talk: GroupTalk
  readonly #consumer: Consumer
  readonly #slices: Slices
  readonly #purge: Purge
  readonly #lost: LostInput
  readonly #stores: GlobalStores
  readonly #globals: GlobalTables
  readonly #done: ReturnType<typeof settleable>
  #assignment: Assignment | undefined
  #replicas: Replicas | undefined
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
  #leaving: boolean
  #closing: boolean
  #draining: boolean

  constructor(settings: Settings, plan: Plan, parts: readonly Part[], meter: Meter) {
    this.#settings = settings
    this.#plan = plan
    this.#parts = parts
    this.#meter = meter
    this.#epochSize = new EpochSize(settings, parts)
    this.#transaction = openTransaction(settings, transactionalId(settings, plan.name, 0), parts)
    this.#talk = new GroupTalk({ declared: () => this.#replicas!.declared, copies: () => this.#replicas!.reports() })
    this.#consumer = groupConsumer(settings, plan.name, this.#talk.assignor, epochRecordsOf(settings, parts))
    this.#slices = new Slices()
    this.#stores = new GlobalStores(parts)
    this.#globals = new GlobalTables(settings, this.#stores)
    this.#ends = undefined
    this.#purge = new Purge(settings)
    this.#lost = new LostInput(settings, plan.name, meter)
    this.#done = settleable()
    this.#assignment = undefined
    this.#replicas = undefined
    this.#executing = Promise.resolve()
    this.#failure = undefined
    this.#generation = 0
    this.#needsTasks = false
    this.#joined = false
    this.#lastEpochAt = -Infinity
    this.#stopping = false
    this.#leaving = false
    this.#closing = false
    this.#draining = false
    meter.lag = () => this.#assignment?.lag(this.#consumer) ?? 0
    meter.watermark = () => this.#assignment?.watermark() ?? -1
    meter.tasks = () => this.#assignment?.size ?? 0
    meter.standbys = () => this.#replicas?.standbys ?? { tasks: 0, lag: 0 }
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
      const maker = new TaskMaker(this.#settings, this.#plan, this.#transaction, this.#meter.calls, setup, this.#stores)
      const shared = { settings: this.#settings, pipeline: this.#plan.name, maker }
      const takeCopy = (id: string) => this.#replicas!.take(id)
      this.#assignment = new Assignment({ ...shared, meter: this.#meter, lost: this.#lost, takeCopy })
      const onWarm = () => this.#consumer.enforceRebalance()
      this.#replicas = new Replicas({ ...shared, inputs, suspended: this.#assignment.suspended, onWarm })
      // Before anything is read back: what a dead self has left open is aborted now.
      await this.#transaction.init()
      await this.#globals.start()
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

  stop({ leave = false }: StopOptions = {}): void {
    this.#stopping = true
    this.#leaving = leave
    this.#meter.calls.stop()
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopping && !(await this.#isDrained())) {
        this.#globals.check()
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
    const [lag, watermark] = [this.#meter.lag(), this.#meter.watermark()]
    this.#meter.lag = () => lag
    this.#meter.watermark = () => watermark
    this.#meter.standbys = () => ({ tasks: 0, lag: 0 })
    this.#closing = true
    this.#assignment?.clear()
    await this.#replicas?.close()
    await this.#globals.close()
    await this.#transaction.close()
    // After a drain for good; a stopped or failed one is likely to be back soon and keeps its place for the session time-out.
    await this.#consumer.close({ leave: this.#leaving || this.#ends?.areSet === true })
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
        if (this.#draining && this.#joined) {
          if (!this.#ends!.areSet) await this.#globals.catchUp()
          await this.#ends!.advance(this.#consumer)
        }
        const assignment = this.#consumer.assignment()
        // What was asked for is not there, and a poll would say so again.
        if (this.#lost.isSuspected && assignment.length > 0) return await this.#assigned(assignment)
        const batches = await this.#consumer.poll(Math.ceil(timeoutMs))
        if (this.#needsTasks) {
          const assigned = this.#consumer.assignment()
          if (assigned.length > 0) await this.#assigned(assigned)
          return
        }
        for (const batch of batches) this.#add(batch)
        return
      } catch (error) {
        if (isFenced(error)) throw error
        // Reading of changelogs may have been cut off: begin again with what is assigned, when nobody works on the tasks.
        await this.#executing
        this.#abandon()
        if (!this.#lost.suspects(error)) await patience.wait(error)
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
    this.#replicas!.keep(this.#talk.given?.standbys ?? [])
    if (this.#talk.isOutdated) this.#consumer.enforceRebalance()
    this.#needsTasks = false
    this.#joined = true
  }

  async #revoked(partitions: readonly TopicPartition[], lost: boolean): Promise<void> {
    await this.#executing
    this.#generation++
    this.#joined = false
    for (const partition of partitions) this.#slices.drop(partition)
    if (lost) return this.#assignment!.clear()
    await this.#transaction.settle()
    this.#assignment!.suspend(partitions, this.#consumer.groupMetadata().generation)
    if (!this.#closing) await this.#assignment!.suspended.locate()
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
    for (const assigned of assignment.tasks) passMarkers(assigned, assignment, this.#consumer, this.#ends!)
    const idle = this.#ends!.newlyIdle(assignment, this.#consumer)
    for (const [assigned] of idle) tasks.add(assigned)
    for (const assigned of this.#ends!.unfinished(assignment)) tasks.add(assigned)
    for (const assigned of this.#woken(assignment)) tasks.add(assigned)
    if (tasks.size === 0) return
    this.#lastEpochAt = this.#settings.clock.monotonic()
    const inEpoch = [...tasks]
    let offsets: OffsetToCommit[] = []
    // Asked once, now: a drain may begin while the epoch commits.
    const atEnd = new Set(inEpoch.filter((assigned) => this.#ends!.isAtEnd(assigned, assignment)).map(({ task }) => task))
    const ended = (task: Task) => atEnd.has(task)
    const epoch = {
      tasks: inEpoch.map(({ task }) => task),
      records: pieces.reduce((sum, { count }) => sum + count, 0),
      feed: () => feed(pieces, idle, assignment, this.#transaction),
      ended,
      offsets: () => (offsets = inEpoch.flatMap((assigned) => assignment.offsets(assigned, ended(assigned.task)))),
    }
    await runEpoch(epoch, { settings: this.#settings, transaction: this.#transaction, consumer: this.#consumer, meter: this.#meter })
    this.#epochSize.took(epoch.records, this.#settings.clock.monotonic() - this.#lastEpochAt)
    assignment.committed(offsets)
    this.#purge.tick(assignment)
    for (const assigned of inEpoch) assigned.ended = ended(assigned.task)
  }

  /** Tasks with a timer of the wall clock that is due; not those that have come to their end in a drain. */
  #woken({ tasks }: Assignment): Assigned[] {
    const now = this.#settings.clock.monotonic()
    return [...tasks].filter(({ task, ended }) => task.wakeAt <= now && !(ended && this.#ends!.areSet))
  }

  async #isDrained(): Promise<boolean> {
    if (!this.#ends!.areSet || this.#slices.records > 0 || this.#needsTasks || !this.#joined) return false
    await this.#executing
    if (this.#failure !== undefined) return false
    return this.#ends!.allFinished(this.#assignment!)
  }
}
