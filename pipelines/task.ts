import type { Clock } from '../core/base/clock.ts'
import type { Header } from '../core/record/header.ts'
import type { RecordColumns } from '../core/record/columns.ts'
import type { Appender } from './appender.ts'
import type { Part } from './plan.ts'
import { type Origin, SourceRecord, timestampOf } from './record.ts'
import { RepartitionSink } from './repartition-sink.ts'
import { buildChain, type Chain, progresses } from './stages/build.ts'
import type { Counters, Emit, Progress, Stage, StageContext } from './stages/stage.ts'
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
  /** Upstream tasks of a repartition input; input topics otherwise. */
  readonly channels: number
  readonly appender: Appender
  readonly clock: Clock
  readonly watchdogMs: number
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
  readonly #appender: Appender
  readonly #topicName: (name: string) => string
  readonly #decoders: ReadonlyMap<string, RecordDecoder>
  /** Channel of an input topic; a repartition's channels are in its stamps. */
  readonly #channels: ReadonlyMap<string, number>
  readonly #points: readonly Progress[]
  readonly #chain: Chain
  readonly #stages: readonly Stage[]
  #saved: { watermarks: ReturnType<Watermarks['snapshot']>; points: readonly number[] }

  constructor(options: TaskOptions) {
    const { part, partition, appender, channels } = options
    this.part = part
    this.partition = partition
    this.#appender = appender
    this.#topicName = options.topicName
    this.counters = { in: 0, out: 0, late: 0, filtered: 0 }
    this.watermarks = new Watermarks(channels)
    const decoders = inputDecoders(options)
    this.#decoders = decoders
    this.#channels = new Map([...decoders.keys()].map((topic, channel) => [topic, channel]))
    const topic = [...decoders.keys()][0] ?? (part.input.kind === 'source' ? part.input.source.name : '')
    const context: StageContext = {
      pipeline: options.pipeline,
      task: { topic, partition },
      clock: options.clock,
      watchdogMs: options.watchdogMs,
      counters: this.counters,
    }
    this.#points = progresses(part.stages, { watermark: this.watermarks.current })
    const end = this.#end(context)
    const emit: Emit = typeof end === 'function' ? end : end.process
    this.#chain = buildChain(part.stages, this.#points, emit, context)
    this.stores = this.#chain.stores
    this.#stages = typeof end === 'function' ? this.#chain.stages : [...this.#chain.stages, end]
    this.#saved = this.#save()
  }

  /** Takes up event time where a committed epoch left it. Call before the first epoch. */
  restoreTime(metadata: string, from: number, to: number): void {
    this.watermarks.decode(metadata, from, to)
    this.#seed()
  }

  begin(): void {
    this.#saved = this.#save()
  }

  /** Runs the records through the operators as far as that goes without waiting. */
  feed(batch: TaskBatch): void {
    const { columns, from, count, partition, topic } = batch
    const decoder = this.#decoders.get(topic)!
    if (this.part.input.kind === 'repartition') return this.#feedRepartitioned(batch, decoder)
    const channel = this.#channels.get(topic)!
    const input = this.#points[0]!
    const { first } = this.#chain
    const { watermarks } = this
    for (let i = from; i < from + count; i++) {
      const record = decoder.decode(columns, i, partition)
      watermarks.observe(channel, record.timestamp)
      input.watermark = watermarks.current
      first(record, record)
    }
    this.counters.in += count
  }

  /** Runs what came from a source outside Kafka. */
  feedItem(item: unknown, origin: Origin): void {
    this.watermarks.observe(0, timestampOf(item, origin))
    this.#points[0]!.watermark = this.watermarks.current
    this.#chain.first(item, origin)
    this.counters.in++
  }

  /** Event time has come this far in the input. */
  get watermark(): number {
    return this.watermarks.current
  }

  /** The epoch's last record was fed: stage by stage everything flushes and timers fire. */
  async complete(ended: boolean): Promise<void> {
    this.#points[0]!.watermark = this.watermarks.current
    for (const stage of this.#stages) {
      const completed = stage.complete(ended)
      if (completed !== undefined) await completed
    }
  }

  /** Appends what has changed in the stores to their changelogs, each key once. */
  writeChanges(): void {
    for (const store of this.stores) {
      const topic = this.#topicName(`${store.name}-changelog`)
      store.writeChanges((key, value, timestamp) => this.#appender.append(topic, this.partition, key, value, timestamp))
    }
  }

  commit(): void {
    for (const store of this.stores) store.commit()
    this.#saved = this.#save()
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

  #feedRepartitioned({ columns, from, count, partition }: TaskBatch, decoder: RecordDecoder): void {
    const input = this.#points[0]!
    for (let i = from; i < from + count; i++) {
      const headers = columns.headers(i)
      const stamp = readStamp(headers)
      if (stamp !== undefined) this.#observe(stamp)
      input.watermark = this.watermarks.current
      if (columns.keyLength[i]! < 0) continue
      const record = withoutStamp(decoder.decode(columns, i, partition), headers, stamp)
      this.counters.in++
      this.#chain.first(record, record)
    }
  }

  #observe({ task, watermark, idle }: Stamp): void {
    this.watermarks.observe(task, watermark)
    if (idle) this.watermarks.setIdle(task)
  }

  #end(context: StageContext): Emit | RepartitionSink {
    const { output } = this.part
    if (output.kind === 'topic') return topicSink(output.topic, this.#appender, context)
    if (output.kind === 'sink') throw new Error(`moldau bug: the sink '${output.sink.name}' is driven by its own worker`)
    const topic = this.#topicName(output.name)
    return new RepartitionSink(output, topic, this.#appender, context, this.#points.at(-1)!, () => this.watermarks.idle)
  }

  #seed(): void {
    this.#points[0]!.watermark = this.watermarks.current
    for (const stage of this.#stages) stage.seed()
    this.#saved = this.#save()
  }

  #save(): { watermarks: ReturnType<Watermarks['snapshot']>; points: readonly number[] } {
    return { watermarks: this.watermarks.snapshot(), points: this.#points.map((point) => point.watermark) }
  }

  #resetCounters(): void {
    Object.assign(this.counters, { in: 0, out: 0, late: 0, filtered: 0 })
  }
}

function inputDecoders({ pipeline, part, topicName }: TaskOptions): Map<string, RecordDecoder> {
  const { input } = part
  if (input.kind === 'source') return new Map()
  if (input.kind === 'repartition') {
    const name = topicName(input.name)
    return new Map([[name, new RecordDecoder(pipeline, name, input.key, input.value)]])
  }
  return new Map(input.topics.map(({ name, key, value }) => [name, new RecordDecoder(pipeline, name, key, value)]))
}

function withoutStamp(record: SourceRecord, headers: readonly Header[], stamp: Stamp | undefined): SourceRecord {
  if (stamp === undefined) return record
  const { key, value, timestamp, topic, partition, offset } = record
  return new SourceRecord(key, value, timestamp, headers.slice(0, -1), topic, partition, offset)
}
