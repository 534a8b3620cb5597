import type { Clock } from '../core/base/clock.ts'
import { systemRandom } from '../core/base/uuid.ts'
import type { Header } from '../core/record/header.ts'
import type { RecordColumns } from '../core/record/columns.ts'
import type { Appender } from './appender.ts'
import { CallSites } from './calls/call-site.ts'
import { Failures } from './errors/failures.ts'
import { Outbox } from './errors/outbox.ts'
import { type ErrorPolicy, failing } from './errors/policy.ts'
import type { GlobalStores } from './global-stores.ts'
import { changelogOf, type Part, type PartInput, type PlannedOutput } from './plan.ts'
import { type Origin, SourceRecord, timestampOf } from './record.ts'
import { RepartitionSink } from './repartition-sink.ts'
import { RoutingSink } from './routing-sink.ts'
import { buildChain, type EndOf } from './stages/build.ts'
import { type Counters, type Emit, noCounts, type OwnProgress, type Progress, type Stage, type StageContext } from './stages/stage.ts'
import { readStamp, type Stamp } from './stamp.ts'
import type { Store } from './state/entry.ts'
import { RecordDecoder } from './topic-source.ts'
import { topicSink } from './topic-sink.ts'
import { Watermarks } from './watermark.ts'

export interface TaskOptions {
  readonly pipeline: string
  readonly part: Part
  /** Partition number of the input; 0 of a source. */
  readonly partition: number
  /** Name of a topic of the pipeline's own: a repartition or, with the store's name, a changelog. */
  readonly topicName: (name: string) => string
  /** How many channels of time an input has: the upstream tasks of a repartition, one of a topic or a source. */
  readonly channelsOf: (input: PartInput) => number
  readonly appender: Appender
  readonly clock: Clock
  readonly watchdogMs: number
  /** The global tables of the process; default: none. */
  readonly globals?: GlobalStores | undefined
  /** What becomes of records that fail; default: the epoch fails with them. */
  readonly errors?: ErrorPolicy
  /** What the calls of all tasks of the pipeline in this process share; default: they share nothing. */
  readonly calls?: CallSites
}

/** One input of a task: how its records are read, where they go in, and whose time they tell. */
interface Entry {
  readonly decoder: RecordDecoder
  readonly emit: Emit
  readonly repartition: boolean
  /** Its first channel; a repartition has one for each upstream task, named by the stamps. */
  readonly channel: number
}

/** The records of one partition of a batch, as the client's ConsumerBatch has them. */
export interface TaskBatch {
  readonly topic: string
  readonly partition: number
  readonly columns: RecordColumns
  readonly from: number
  readonly count: number
}

/**
 * One partition number of one part of a pipeline, with its state and its event time.
 *
 * In an epoch: `begin`, `feed` any number of times, `complete`, `writeChanges`; then `commit` or `rollback`. Between epochs nothing is
 * in flight, so a task may be closed or moved there.
 */
export class Task {
  readonly part: Part
  readonly partition: number
  readonly stores: readonly Store[]
  readonly counters: Counters
  readonly watermarks: Watermarks
  readonly failures: Failures
  readonly #appender: Appender
  readonly #topicName: (name: string) => string
  readonly #entries: ReadonlyMap<string, Entry>
  /** Where the items of a source go in. */
  readonly #first: Emit
  readonly #time: OwnProgress
  readonly #points: readonly OwnProgress[]
  readonly #stages: readonly Stage[]
  #saved: { watermarks: ReturnType<Watermarks['snapshot']>; points: readonly number[] }

  constructor(options: TaskOptions) {
    const { part, partition, topicName, channelsOf, errors = failing(options.pipeline) } = options
    // Only what is tried again with fewer records needs to be held back from the log.
    const outbox = errors.active ? new Outbox(options.appender, () => this.failures.onTrial) : undefined
    const appender = outbox ?? options.appender
    this.part = part
    this.partition = partition
    this.#appender = appender
    this.#topicName = topicName
    this.counters = noCounts()
    this.failures = new Failures(errors, appender, this.counters, (topic) => this.#entries.get(topic)?.repartition === true)
    this.watermarks = new Watermarks(part.inputs.reduce((sum, input) => sum + channelsOf(input), 0))
    this.#time = { watermark: this.watermarks.current }
    const context: StageContext = {
      pipeline: options.pipeline,
      task: { topic: nameOf(part.inputs[0]!, topicName), partition },
      clock: options.clock,
      watchdogMs: options.watchdogMs,
      counters: this.counters,
      failures: this.failures,
      calls: options.calls ?? new CallSites(options.clock, systemRandom),
    }
    const end = (output: PlannedOutput, progress: Progress) => this.#end(output, progress, context)
    const { entries, stages, stores, points } = buildChain(part, this.#time, end, context, undefined, options.globals)
    this.stores = stores
    this.#stages = stages
    this.#points = points
    this.#first = entries.get(part.inputs[0]!)!
    this.#entries = entriesOf(options, entries)
    this.#saved = this.#save()
  }

  /** Takes up event time where a committed epoch left it. Call before the first epoch. */
  restoreTime(metadata: string, from: number, to: number): void {
    this.watermarks.decode(metadata, from, to)
    this.#seed()
  }

  begin(): void {
    this.failures.begin()
    this.#saved = this.#save()
    for (const stage of this.#stages) stage.begin?.()
  }

  /** Runs the records through the operators as far as that goes without waiting. */
  feed(batch: TaskBatch): void {
    const { columns, from, count, partition, topic } = batch
    const entry = this.#entries.get(topic)!
    this.failures.feeding(batch)
    if (entry.repartition) return this.#feedRepartitioned(batch, entry)
    const { decoder, emit, channel } = entry
    const time = this.#time
    const { watermarks, failures } = this
    const selects = failures.policy.active
    for (let i = from; i < from + count; i++) {
      const leftOut = selects && failures.leavesOut(topic, partition, columns.offset(i))
      const before = failures.going()
      try {
        const record = decoder.decode(columns, i, partition)
        watermarks.observe(channel, record.timestamp)
        time.watermark = watermarks.current
        if (!leftOut) emit(record, record)
        failures.went(before)
      } catch (error) {
        failures.caught(error, topic, partition, columns.offset(i), before)
      }
    }
    this.counters.in += count
  }

  /** Runs what came from a source outside Kafka. */
  feedItem(item: unknown, origin: Origin): void {
    this.watermarks.observe(0, timestampOf(item, origin))
    this.#time.watermark = this.watermarks.current
    const { failures } = this
    this.counters.in++
    failures.feedingItem(item, origin)
    if (failures.policy.active && failures.leavesOut(origin.topic, origin.partition, origin.offset)) return
    const before = failures.going()
    try {
      this.#first(item, origin)
      failures.went(before)
    } catch (error) {
      failures.caught(error, origin.topic, origin.partition, origin.offset, before)
    }
  }

  /** Event time has come this far in the input. */
  get watermark(): number {
    return this.watermarks.current
  }

  /** When an operator wants an epoch though no record comes, by the monotonic clock. */
  get wakeAt(): number {
    let least = Infinity
    for (const { wakeAt } of this.#stages) if (wakeAt !== undefined && wakeAt < least) least = wakeAt
    return least
  }

  /** The epoch's last record was fed: stage by stage everything flushes and timers fire. */
  async complete(ended: boolean): Promise<void> {
    this.#time.watermark = this.watermarks.current
    for (const stage of this.#stages) {
      const completed = stage.complete(ended)
      if (completed !== undefined) await completed
    }
  }

  /** Appends what has changed in the stores to their changelogs, each key once. */
  writeChanges(): void {
    for (const store of this.stores) {
      const topic = this.#topicName(changelogOf(store.name))
      store.writeChanges((key, value, timestamp) => this.#appender.append(topic, this.partition, key, value, timestamp))
    }
  }

  commit(): void {
    for (const store of this.stores) store.commit()
    this.#saved = this.#save()
    this.failures.commit()
    this.#resetCounters()
  }

  /** The epoch failed: stores, event time and operators are as they were when it began. */
  rollback(): void {
    for (const stage of this.#stages) stage.reset()
    for (const store of this.stores) store.rollback()
    this.watermarks.restore(this.#saved.watermarks)
    this.#points.forEach((point, i) => (point.watermark = this.#saved.points[i]!))
    this.#resetCounters()
  }

  /** The task is given up: call it between epochs. */
  close(): void {
    for (const stage of this.#stages) stage.close?.()
  }

  #feedRepartitioned({ columns, from, count, partition, topic }: TaskBatch, { decoder, emit, channel }: Entry): void {
    const time = this.#time
    const { failures } = this
    const selects = failures.policy.active
    for (let i = from; i < from + count; i++) {
      const headers = columns.headers(i)
      const stamp = readStamp(headers)
      if (stamp !== undefined) this.#observe(stamp, channel)
      time.watermark = this.watermarks.current
      const leftOut = selects && failures.leavesOut(topic, partition, columns.offset(i))
      if (columns.keyLength[i]! < 0) continue
      this.counters.in++
      const before = failures.going()
      try {
        const record = withoutStamp(decoder.decode(columns, i, partition), headers, stamp)
        if (!leftOut) emit(record, record)
        failures.went(before)
      } catch (error) {
        failures.caught(error, topic, partition, columns.offset(i), before)
      }
    }
  }

  #observe({ task, watermark, idle }: Stamp, firstChannel: number): void {
    this.watermarks.observe(firstChannel + task, watermark)
    if (idle) this.watermarks.setIdle(firstChannel + task)
  }

  #end({ output }: PlannedOutput, progress: Progress, context: StageContext): ReturnType<EndOf> {
    if (output.kind === 'topic') return { emit: topicSink(output.topic, this.#appender, context, output) }
    if (output.kind === 'nowhere') return { emit: () => undefined }
    if (output.kind === 'routing') {
      const stage = new RoutingSink(output, this.#appender, context)
      return { emit: stage.process, stage }
    }
    if (output.kind === 'sink') throw new Error(`moldau bug: the sink '${output.sink.name}' is driven by its own worker`)
    const idle = (): boolean => this.watermarks.idle
    const stage = new RepartitionSink(output, this.#topicName(output.name), this.#appender, context, progress, idle)
    return { emit: stage.process, stage }
  }

  #seed(): void {
    this.#time.watermark = this.watermarks.current
    for (const stage of this.#stages) stage.seed()
    this.#saved = this.#save()
  }

  #save(): { watermarks: ReturnType<Watermarks['snapshot']>; points: readonly number[] } {
    return { watermarks: this.watermarks.snapshot(), points: this.#points.map((point) => point.watermark) }
  }

  #resetCounters(): void {
    Object.assign(this.counters, noCounts())
  }
}

/** By the names of the topics. */
function entriesOf({ pipeline, part, topicName, channelsOf }: TaskOptions, emits: ReadonlyMap<PartInput, Emit>): Map<string, Entry> {
  const entries = new Map<string, Entry>()
  let channel = 0
  for (const input of part.inputs) {
    if (input.kind === 'source') continue
    const name = nameOf(input, topicName)
    const { key, value } = input.kind === 'topic' ? input.topic : input
    const decoder = new RecordDecoder(pipeline, name, key, value)
    entries.set(name, { decoder, emit: emits.get(input)!, repartition: input.kind === 'repartition', channel })
    channel += channelsOf(input)
  }
  return entries
}

function nameOf(input: PartInput, topicName: (name: string) => string): string {
  if (input.kind === 'topic') return input.topic.name
  return input.kind === 'source' ? input.source.name : topicName(input.name)
}

function withoutStamp(record: SourceRecord, headers: readonly Header[], stamp: Stamp | undefined): SourceRecord {
  if (stamp === undefined) return record
  const { key, value, timestamp, topic, partition, offset } = record
  return new SourceRecord(key, value, timestamp, headers.slice(0, -1), topic, partition, offset)
}
