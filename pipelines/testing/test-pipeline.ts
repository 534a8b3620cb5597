import type { Source } from '../../connectors/types.ts'
import { CallSites } from '../calls/call-site.ts'
import type { Client } from '../../core/client/client.ts'
import type { Header } from '../../core/record/header.ts'
import { bytes } from '../../core/serde/primitives.ts'
import type { Serde } from '../../core/serde/serde.ts'
import { type Duration, milliseconds } from '../duration.ts'
import { runEpoch } from '../epoch.ts'
import { type DeadLetterOrigin, originOf } from '../errors/dead-letter.ts'
import type { OnError } from '../errors/on-error.ts'
import { policyOf } from '../errors/policy-of.ts'
import { Idleness } from '../idleness.ts'
import { layOut, type Layout } from '../layout.ts'
import { Meter, type PipelineMetrics } from '../metrics.ts'
import { internalTopic } from '../names.ts'
import { epochRecordsOf, readOptions, type Settings } from '../options.ts'
import { globalsOf, type Plan } from '../plan.ts'
import { plan } from '../planner.ts'
import type { Pipeline } from '../pipeline.ts'
import { keyOf } from '../slices.ts'
import type { Task } from '../task.ts'
import { type Topic, topic } from '../topic.ts'
import { type Arrival, type Feed, inOrder, type InputRecord, type MarbleOptions, type MarbleRecord, marbles, records } from './feeds.ts'
import { type Entry, feed, Inbox } from './inbox.ts'
import { Interrupted, Interruptions } from './interruptions.ts'
import { drawMarbles, type Scale } from './marbles.ts'
import { decoded, MemoryLog } from './memory-log.ts'
import { MemoryTransaction } from './memory-transaction.ts'
import { type RunningTask, TestTasks } from './tasks.ts'
import { type TestStore, testStore } from './test-store.ts'
import { VirtualClock } from './virtual-clock.ts'

export interface TestPipelineOptions {
  /** Of all topics, or of each by its name; default 1. */
  partitions?: number | Readonly<Record<string, number>>
  /** Most records of an epoch; default: all that are piped at a time, up to what a worker takes. */
  epochRecords?: number
  /** What the clock says at the beginning, and the event time where diagrams begin, in milliseconds since 1970; default 0. */
  start?: number
  /** What one character of a diagram stands for; default '1s'. */
  frame?: Duration
  /** After how long at its end an input no longer holds event time back; default '10s'. See {@link TestPipeline.advanceWallClock}. */
  idle?: Duration
  /** The process dies after so many records that it has read (those of repartitions, too), in the middle of the epoch; 'each': after each. */
  crashAfter?: readonly number[] | 'each'
  /** As `crashAfter`; the process lives: the epoch is rolled back and run again, as after an answer of the cluster that may pass. */
  failureAfter?: readonly number[] | 'each'
  /** As of `run`: what becomes of records that fail, unless pipeline or operator say otherwise; default 'fail'. */
  onError?: OnError
  /** As of `run`: how many records of one epoch may fail; default 10. */
  poisonMax?: number
}

/** A dead letter: the record as it was in the input, and where and why it failed. */
export interface TestDeadLetter extends DeadLetterOrigin {
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** A record that a pipeline has written. */
export interface TestRecord<K, V> {
  readonly key: K
  readonly value: V
  readonly timestamp: number
  /** When it has some. */
  readonly headers?: readonly Header[]
  /** When the topic has several. */
  readonly partition?: number
}

/**
 * Runs a pipeline in memory, with a clock that stands still: the tasks, stages and stores that a worker runs, epoch by epoch, and topics
 * that begin empty.
 *
 * ```ts
 * const kit = testPipeline(delays, { frame: '1m' })
 * await kit.pipe(flights, 'a--b 1h c|', { a: { key: 'PRG', value: { delay: 20 } }, b: …, c: … })
 * assert.deepEqual(kit.read(hourly), [{ key: 'PRG', value: 2, timestamp: 3_599_999 }])
 * ```
 *
 * @throws PIPELINE_INVALID as `run` would, and for a pipeline that ends in a sink; INVALID_ARGUMENT for an option
 */
export function testPipeline(pipeline: Pipeline, options: TestPipelineOptions = {}): TestPipeline {
  return new TestPipeline(pipeline, options)
}

/** Made by {@link testPipeline}. */
export class TestPipeline {
  readonly #plan: Plan
  readonly #layout: Layout
  readonly #settings: Settings
  readonly #clock: VirtualClock
  readonly #scale: Scale
  readonly #log: MemoryLog
  readonly #transaction: MemoryTransaction
  readonly #meter: Meter
  readonly #idleness: Idleness
  readonly #inbox: Inbox
  readonly #interruptions: Interruptions
  /** How much of the log is in the inbox, where it is read. */
  #seen: number
  /** By topic: how much of the log was looked through for it. */
  readonly #read: Map<string, number>
  #tasks: TestTasks

  /** Not for users: {@link testPipeline}. */
  constructor(pipeline: Pipeline, options: TestPipelineOptions) {
    const { partitions = 1, epochRecords, start = 0, frame = '1s', idle = '10s', crashAfter = [], failureAfter = [] } = options
    this.#plan = plan(pipeline)
    this.#clock = new VirtualClock(start)
    this.#scale = { start, frame: milliseconds(frame, 'testPipeline: frame') }
    this.#settings = readOptions({
      // The epochs ask it for nothing.
      client: {} as Client,
      applicationId: 'test',
      instanceId: 'kit',
      clock: this.#clock,
      idleMs: milliseconds(idle, 'testPipeline: idle'),
      // Nothing passes while time stands still.
      retryMs: 0,
      epoch: epochRecords === undefined ? {} : { records: epochRecords },
      ...(options.onError !== undefined && { onError: options.onError }),
      ...(options.poisonMax !== undefined && { poisonMax: options.poisonMax }),
    })
    this.#log = typeof partitions === 'number' ? new MemoryLog({}, partitions) : new MemoryLog(partitions)
    this.#log.counts.set(policyOf(this.#settings, this.#plan).deadLetters, 1)
    this.#layout = layOut(
      this.#plan,
      (name) => internalTopic(this.#settings, name),
      (topic) => this.#log.partitions(topic),
    )
    for (const { name, partitions: count } of this.#layout.own) this.#log.counts.set(name, count)
    this.#transaction = new MemoryTransaction(this.#log)
    this.#meter = new Meter(this.#plan.name, this.#clock, this.#settings.random)
    this.#meter.watermark = () => Math.min(...this.#tasks.all.map(({ task }) => task.watermark))
    this.#idleness = new Idleness(this.#clock, this.#settings.idleMs)
    this.#inbox = new Inbox()
    this.#interruptions = new Interruptions(crashAfter, failureAfter)
    this.#seen = 0
    this.#read = new Map()
    this.#tasks = this.#started()
  }

  /** What a job's `metrics$` would say: counts of committed epochs; records that came too late are counted in `late`. */
  get metrics(): PipelineMetrics {
    return this.#meter.snapshot()
  }

  /** What the clock says, in milliseconds since 1970. */
  get now(): number {
    return this.#clock.now()
  }

  /**
   * Puts records into a topic, items into a source, or diagrams over event time into topics ({@link marbles}), and runs the pipeline until it
   * has read them all, through all repartitions. Of several inputs at once, what is older in event time is read first.
   *
   * @throws OPERATOR_FAILED and whatever else ends a job; nothing of that epoch was committed
   */
  pipe<K, V>(topic: Topic<K, V>, list: readonly InputRecord<K, V>[]): Promise<void>
  pipe<T>(source: Source<T>, items: readonly T[]): Promise<void>
  pipe<K, V>(
    topic: Topic<K, V>,
    diagram: string,
    values: Readonly<Record<string, MarbleRecord<K, V>>>,
    options?: MarbleOptions,
  ): Promise<void>
  pipe<K, V>(topic: Topic<K, V>, diagram: string, values: Readonly<Record<string, V>>, options: MarbleOptions & { key: K }): Promise<void>
  pipe(...feeds: readonly Feed[]): Promise<void>
  async pipe(...given: readonly unknown[]): Promise<void> {
    const resolved = feedsOf(given).map((one) => one.arrivals({ ...this.#scale, now: this.#clock.now() }))
    for (const arrival of inOrder(resolved.map(({ list }) => list))) this.#arrive(arrival)
    await this.#run()
    if (resolved.some(({ ended }) => ended)) await this.end()
  }

  /**
   * What was written to a topic since it was read last, in its order, by the topic's own serdes; of what is committed.
   */
  read<K, V>(topic: Topic<K, V>): TestRecord<K, V>[] {
    const from = this.#read.get(topic.name) ?? 0
    this.#read.set(topic.name, this.#log.committed.length)
    return this.#records(topic, from)
  }

  /**
   * As {@link TestPipeline.read}, drawn as a diagram over event time.
   *
   * @param values what each letter stands for; a value, or `{ key, value }`. What is equal to none is drawn as `?`
   */
  readMarbles<K, V>(topic: Topic<K, V>, values: Readonly<Record<string, Pick<MarbleRecord<K, V>, 'key' | 'value'> | V>>): string {
    const keyed = Object.values(values).every((value) => typeof value === 'object' && value !== null && 'key' in value && 'value' in value)
    const drawn = this.read(topic).map(({ key, value, timestamp }) => ({ value: keyed ? { key, value } : value, timestamp }))
    return drawMarbles(drawn, values, this.#scale)
  }

  /** The dead letters that are committed, oldest first. */
  deadLetters(): TestDeadLetter[] {
    const { deadLetters } = policyOf(this.#settings, this.#plan)
    return this.#log.committed.flatMap(({ topic, key, value, headers, timestamp }) => {
      const origin = topic === deadLetters ? originOf(headers, timestamp) : undefined
      return origin === undefined ? [] : { ...origin, key, value }
    })
  }

  /** Everything that was ever written to each of the pipeline's topics, by its name. */
  written(): Record<string, TestRecord<unknown, unknown>[]> {
    const topics = this.#plan.parts.flatMap(({ outputs }) => outputs.flatMap(({ output }) => (output.kind === 'topic' ? output.topic : [])))
    return Object.fromEntries([...this.#routed(), ...topics].map((topic) => [topic.name, this.#records(topic, 0)]))
  }

  /**
   * Looks into a store.
   *
   * @param name the name that the declaration gives it, or as the pipeline's changelogs are called: `1-count`
   * @throws INVALID_ARGUMENT with the names that there are
   */
  store<K, V>(name: string): TestStore<K, V> {
    return testStore(this.#plan.name, this.#tasks.all, name) as TestStore<K, V>
  }

  /**
   * Moves the clock, not event time: timers of the wall clock fire, and inputs at whose end nothing came for `idle` no longer hold event
   * time back.
   *
   * @param by milliseconds, or '5m'
   */
  async advanceWallClock(by: Duration): Promise<void> {
    this.#clock.advance(milliseconds(by, 'advanceWallClock'))
    const idle = this.#newlyIdle()
    await this.#epoch([], this.#tasks.all, { before: () => idle.forEach(([{ task }, channel]) => task.watermarks.setIdle(channel)) })
    await this.#run()
  }

  /** The input has ended for good: time goes to its end and the last windows close, part by part. A drained job does that. */
  async end(): Promise<void> {
    for (const part of this.#plan.parts) {
      await this.#run()
      await this.#epoch(
        [],
        this.#tasks.all.filter(({ task }) => task.part === part),
        { ended: true },
      )
    }
    await this.#run()
  }

  /**
   * The process dies and is started again: what is not committed is lost, the stores are restored from their changelogs, event time and
   * positions are those of the last commit. To let it die in the middle of an epoch, write `#` into a diagram, or give `crashAfter`.
   */
  crash(): void {
    this.#log.abort()
    this.#tasks = this.#started()
  }

  #records<K, V>({ name, key, value }: Topic<K, V>, from: number): TestRecord<K, V>[] {
    return this.#log.committed.slice(from).flatMap((record) => {
      if (record.topic !== name) return []
      const { partition, timestamp, headers } = record
      return {
        key: decoded(key, record.key),
        value: decoded(value, record.value),
        timestamp,
        ...(headers.length > 0 && { headers }),
        ...(this.#log.partitions(name) > 1 && { partition }),
      }
    })
  }

  /** Topics that the pipeline has chosen record by record, as bytes: what they were written with is not known here. */
  #routed(): Topic<unknown, unknown>[] {
    const { deadLetters } = policyOf(this.#settings, this.#plan)
    const globals = globalsOf(this.#plan.parts).map(({ name }) => name)
    const others = new Set([...topicNames(this.#plan), ...globals, ...this.#layout.own.map(({ name }) => name), deadLetters])
    const names = new Set(this.#log.committed.map(({ topic }) => topic).filter((name) => !others.has(name)))
    return Array.from(names, (name) => topic<unknown, unknown>(name, { key: bytes as Serde<unknown>, value: bytes as Serde<unknown> }))
  }

  #started(): TestTasks {
    this.#meter.calls = new CallSites(this.#clock, this.#settings.random)
    return new TestTasks(this.#settings, this.#plan, this.#layout, this.#log, this.#transaction, this.#meter.calls)
  }

  #arrive(arrival: Arrival): void {
    if (arrival.kind === 'crash') {
      // There is nothing whose epoch could be open.
      if (this.#inbox.position === this.#inbox.length) this.crash()
      else this.#interruptions.add(this.#inbox.length, 'crash')
      return
    }
    if (arrival.kind === 'item') {
      this.#inbox.addItem(arrival.source, arrival.item, arrival.time)
      return
    }
    const { topic } = arrival.record
    const partition = arrival.partition(this.#log.partitions(topic), (key) => this.#log.partitionFor(topic, key))
    this.#log.committed.push({ ...arrival.record, partition })
    this.#deliver()
  }

  /** Whatever is new in topics that are read. */
  #deliver(): void {
    const { committed } = this.#log
    for (; this.#seen < committed.length; this.#seen++) {
      const record = committed[this.#seen]!
      const { topic: name, key, value, timestamp } = record
      if (this.#tasks.globals.has(name)) this.#tasks.globals.take(name, key, value, timestamp)
      if (this.#tasks.of(record.topic, record.partition) !== undefined) this.#inbox.add(record)
    }
  }

  /** Epochs until everything is read. */
  async #run(): Promise<void> {
    const records = epochRecordsOf(this.#settings, this.#plan.parts)
    for (let entries = this.#inbox.peek(records); entries.length > 0; entries = this.#inbox.peek(records)) {
      const tasks = new Set(entries.map((entry) => this.#taskOf(entry)))
      await this.#epoch(entries, [...tasks])
    }
    for (const { inputs } of this.#tasks.all) for (const input of inputs) this.#idleness.isIdle(input, true)
  }

  async #epoch(entries: readonly Entry[], tasks: readonly RunningTask[], { ended = false, before = nothing } = {}): Promise<void> {
    const offsets = new Map(entries.map((entry) => [keyOf(entry), entry.offset + 1]))
    const offsetOf = (key: string): number => offsets.get(key) ?? this.#transaction.positions.get(key)?.offset ?? 0
    const epoch = {
      tasks: tasks.map(({ task }) => task),
      records: entries.length,
      feed: () => {
        before()
        this.#feed(entries)
      },
      ended: () => ended,
      offsets: () => tasks.flatMap((running) => this.#tasks.positions(running, offsetOf)),
    }
    const context = { settings: this.#settings, transaction: this.#transaction, consumer: undefined, meter: this.#meter }
    try {
      await runEpoch(epoch, context)
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error
      if (error.how === 'crash') this.crash()
      return
    }
    this.#inbox.advance(entries.length)
    for (const entry of entries) this.#idleness.moved(entry)
    this.#deliver()
  }

  #feed(entries: readonly Entry[]): void {
    if (entries.length === 0) return
    const taskOf = (entry: Entry): Task => this.#taskOf(entry).task
    const { next } = this.#interruptions
    if (next > this.#inbox.position + entries.length) return feed(entries, taskOf)
    feed(entries.slice(0, next - this.#inbox.position), taskOf)
    throw this.#interruptions.take()
  }

  #taskOf({ topic, partition }: Entry): RunningTask {
    return this.#tasks.of(topic, partition)!
  }

  /** Inputs, with their channel, at whose end nothing has come for long enough. */
  #newlyIdle(): [RunningTask, number][] {
    return this.#tasks.all.flatMap((running) =>
      running.inputs.flatMap((input): [RunningTask, number][] => {
        const [channel] = input.channels
        const idle = !input.repartition && this.#idleness.isIdle(input, true) && !running.task.watermarks.isIdle(channel)
        return idle ? [[running, channel]] : []
      }),
    )
  }
}

const nothing = (): void => undefined

function feedsOf(given: readonly unknown[]): Feed[] {
  const [to, what, values, options] = given
  if (Array.isArray(what)) return [records(to as Topic<unknown, unknown>, what as InputRecord<unknown, unknown>[])]
  if (typeof what !== 'string') return given as Feed[]
  return [marbles(to as Topic<unknown, unknown>, what, values as Record<string, MarbleRecord<unknown, unknown>>, options as MarbleOptions)]
}

/** Topics that the pipeline reads and writes, but for those of its own. */
function topicNames({ parts }: Plan): string[] {
  return parts.flatMap(({ inputs, outputs }) => [
    ...inputs.flatMap((input) => (input.kind === 'topic' ? input.topic.name : [])),
    ...outputs.flatMap(({ output }) => (output.kind === 'topic' ? output.topic.name : [])),
  ])
}
