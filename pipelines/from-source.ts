import type { Position, Source, SourceBatch } from '../connectors/types.ts'
import type { Timer } from '../core/base/clock.ts'
import { CallsStopped } from './calls/call-site.ts'
import { openTransaction } from './commit/open-transaction.ts'
import type { Transaction } from './commit/transaction.ts'
import { EpochSize } from './epoch-size.ts'
import { type Epoch, runEpoch } from './epoch.ts'
import { policyOf } from './errors/policy-of.ts'
import { invalid } from './failure.ts'
import { GlobalStores } from './global-stores.ts'
import { GlobalTables } from './global-tables.ts'
import type { Meter } from './metrics.ts'
import { internalTopic, sourceTransactionalId } from './names.ts'
import type { Settings } from './options.ts'
import type { Part, Plan } from './plan.ts'
import { Positions } from './positions.ts'
import type { Origin } from './record.ts'
import { fenced, isFenced } from './retry.ts'
import { Task } from './task.ts'
import { setUp } from './topic-setup.ts'
import { settleable, type Worker } from './worker.ts'

/** What was read and not yet run. */
interface Slice {
  readonly items: unknown[]
  position: Position | undefined
  progress: number | undefined
  ended: boolean
}

/**
 * Runs the part of a pipeline that reads a source outside Kafka: its position is a record written in the transaction of what was made
 * of it. While an epoch commits, the next slice is read.
 */
export class SourceWorker implements Worker {
  readonly #settings: Settings
  readonly #plan: Plan
  readonly #part: Part
  readonly #source: Source<unknown>
  readonly #meter: Meter
  readonly #transaction: Transaction
  readonly #positions: Positions
  readonly #epochSize: EpochSize
  readonly #stores: GlobalStores
  readonly #globals: GlobalTables
  readonly #done: ReturnType<typeof settleable>
  #task: Task | undefined
  /** A call that has not been answered. */
  #reading: Promise<SourceBatch<unknown> | undefined> | undefined
  /** For messages: how many records were read since the start. */
  #readSoFar: number
  #executing: Promise<void>
  #failure: unknown
  #stopping: boolean
  #draining: boolean

  constructor(settings: Settings, plan: Plan, part: Part, source: Source<unknown>, meter: Meter) {
    if (settings.guarantee === 'exactly-once' && !source.flags.replayable) {
      throw invalid(
        plan.name,
        `the source '${source.name}' cannot go back to a position, so nothing of it is exactly once; run it with guarantee: 'at-least-once'`,
      )
    }
    this.#settings = settings
    this.#plan = plan
    this.#part = part
    this.#source = source
    this.#meter = meter
    this.#transaction = openTransaction(settings, sourceTransactionalId(settings, plan.name, source.name), [part])
    this.#positions = new Positions(settings, plan.name, source.name)
    this.#epochSize = new EpochSize(settings, [part])
    this.#stores = new GlobalStores([part])
    this.#globals = new GlobalTables(settings, this.#stores)
    this.#done = settleable()
    this.#task = undefined
    this.#reading = undefined
    this.#readSoFar = 0
    this.#executing = Promise.resolve()
    this.#failure = undefined
    this.#stopping = false
    this.#draining = false
    meter.watermark = () => this.#task?.watermark ?? -1
  }

  get done(): Promise<void> {
    return this.#done.promise
  }

  async start(): Promise<void> {
    try {
      await this.#open()
    } catch (error) {
      await this.#close()
      throw error
    }
  }

  async #open(): Promise<void> {
    const { clock, random, watchdogMs } = this.#settings
    await setUp(this.#settings, this.#plan, [this.#part], this.#transaction)
    await this.#positions.create()
    await this.#transaction.know(this.#positions.topic)
    await this.#transaction.init()
    await this.#globals.start()
    const saved = await this.#positions.read()
    this.#task = new Task({
      pipeline: this.#plan.name,
      part: this.#part,
      partition: 0,
      topicName: (name) => internalTopic(this.#settings, name),
      channelsOf: () => 1,
      appender: this.#transaction,
      clock,
      watchdogMs,
      globals: this.#stores,
      errors: policyOf(this.#settings, this.#plan),
      calls: this.#meter.calls,
    })
    if (saved !== undefined) this.#task.restoreTime(saved.watermark, 0, 1)
    await this.#source.open(saved?.position, { clock, random })
    void this.#run(this.#task)
  }

  /** A bounded source is read to its end; one without an end stops where it is. */
  drain(): void {
    this.#draining = true
  }

  stop(): void {
    this.#stopping = true
    this.#meter.calls.stop()
  }

  async #run(task: Task): Promise<void> {
    try {
      for (let ended = false; !ended && !this.#stopping && this.#failure === undefined;) {
        this.#globals.check()
        const slice = await this.#collect(task)
        ended = slice.ended
        await this.#executing
        const due = slice.items.length > 0 || ended || task.wakeAt <= this.#settings.clock.monotonic()
        if (this.#failure === undefined && due) this.#executing = this.#execute(task, slice)
      }
      await this.#executing
      if (this.#failure !== undefined) throw this.#failure
      await this.#close()
      this.#done.resolve()
    } catch (error) {
      await this.#executing
      await this.#close().catch(() => undefined)
      this.#done.reject(isFenced(error) ? fenced(this.#settings, this.#plan.name, error) : error)
    }
  }

  async #close(): Promise<void> {
    this.#task?.close()
    // Calls of a source come one at a time.
    await this.#reading?.catch(() => undefined)
    await this.#globals.close()
    await this.#source.close()
    await this.#transaction.close()
  }

  /** Comes back with nothing when an operator wants an epoch. */
  async #collect(task: Task): Promise<Slice> {
    const { clock, epochMs } = this.#settings
    const epochRecords = this.#epochSize.records
    const slice: Slice = { items: [], position: undefined, progress: undefined, ended: false }
    const until = clock.monotonic() + epochMs
    do {
      const batch = await this.#read(task)
      if (batch === 'due') break
      if (batch === undefined) {
        slice.ended = true
        slice.progress = 1
        break
      }
      for (const record of batch.records) slice.items.push(record)
      slice.position = batch.position
      slice.progress = batch.progress
      if (this.#draining && !this.#source.flags.bounded) slice.ended = true
    } while (!this.#stopping && !slice.ended && slice.items.length < epochRecords && clock.monotonic() < until)
    return slice
  }

  /** The next batch; or, when that does not come before an operator wants an epoch, 'due': it is asked for again then. */
  async #read(task: Task): Promise<SourceBatch<unknown> | undefined | 'due'> {
    this.#reading ??= this.#source.read()
    const { wakeAt } = task
    let batch: SourceBatch<unknown> | undefined | 'due'
    if (wakeAt === Infinity) batch = await this.#reading
    else {
      const { clock } = this.#settings
      let timer: Timer | undefined
      const due = new Promise<'due'>((resolve) => (timer = clock.after(Math.max(0, wakeAt - clock.monotonic()), () => resolve('due'))))
      batch = await Promise.race([this.#reading, due]).finally(() => timer?.cancel())
    }
    if (batch !== 'due') this.#reading = undefined
    return batch
  }

  /** Never rejects. */
  async #execute(task: Task, slice: Slice): Promise<void> {
    const first = this.#readSoFar
    const { clock } = this.#settings
    const started = clock.monotonic()
    const epoch: Epoch = {
      tasks: [task],
      records: slice.items.length,
      feed: () => this.#feed(task, slice, first),
      ended: () => slice.ended,
      offsets: () => [],
      append: () => this.#savePosition(task, slice),
    }
    try {
      await runEpoch(epoch, { settings: this.#settings, transaction: this.#transaction, consumer: undefined, meter: this.#meter })
      this.#epochSize.took(slice.items.length, clock.monotonic() - started)
      this.#readSoFar += slice.items.length
      this.#meter.progress = slice.progress
    } catch (error) {
      // What was dropped, the next run reads.
      if (!(error instanceof CallsStopped)) this.#failure ??= error
    }
  }

  async #feed(task: Task, slice: Slice, first: number): Promise<void> {
    const now = this.#settings.clock.now()
    for (const [i, item] of slice.items.entries()) {
      const time = (item as { timestamp?: unknown } | null)?.timestamp
      const timestamp = typeof time === 'number' ? time : now
      const origin: Origin = { topic: this.#source.name, partition: 0, offset: first + i, timestamp }
      task.feedItem(item, origin)
      const room = i % 1024 === 0 ? this.#transaction.room() : undefined
      if (room !== undefined) await room
    }
  }

  #savePosition(task: Task, { position }: Slice): void {
    if (position === undefined) return
    const { key, value } = this.#positions.record({ position, watermark: task.watermarks.encode(0, 1) })
    this.#transaction.append(this.#positions.topic, 0, key, value, this.#settings.clock.now())
  }
}
