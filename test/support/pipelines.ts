import type { Clock } from '../../core/base/clock.ts'
import { systemClock } from '../../core/base/clock.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import { decodeBatch } from '../../core/record/columns.ts'
import type { Header } from '../../core/record/header.ts'
import type { Serde } from '../../core/serde/serde.ts'
import type { Plan } from '../../pipelines/plan.ts'
import { plan } from '../../pipelines/planner.ts'
import type { Pipeline } from '../../pipelines/pipeline.ts'
import { Task, type TaskBatch } from '../../pipelines/task.ts'
import { type Appended, MemoryLog } from '../../pipelines/testing/memory-log.ts'

export { type Appended, MemoryLog }

/** One record to feed: key and value as the input topic's serdes take them. */
export interface Fed {
  /** Default: the first topic of the part. */
  topic?: string
  key: unknown
  value: unknown
  timestamp?: number
  headers?: readonly Header[]
}

export interface TestTaskOptions {
  log?: MemoryLog
  part?: number
  partition?: number
  channels?: number
  clock?: Clock
  watchdogMs?: number
}

/** One task of a pipeline, driven by hand: no broker, no client, no time. */
export class TestTask {
  readonly log: MemoryLog
  readonly plan: Plan
  readonly task: Task
  readonly #pipeline: Pipeline
  readonly #topic: string
  readonly #serdes: ReadonlyMap<string, { key: Serde<unknown>; value: Serde<unknown> }>
  #offset: number

  constructor(pipeline: Pipeline, options: TestTaskOptions = {}) {
    this.log = options.log ?? new MemoryLog()
    this.plan = plan(pipeline)
    this.#pipeline = pipeline
    const part = this.plan.parts[options.part ?? 0]!
    this.task = new Task({
      pipeline: this.plan.name,
      part,
      partition: options.partition ?? 0,
      topicName: (name) => `test-${name}`,
      channelsOf: () => options.channels ?? 1,
      appender: this.log,
      clock: options.clock ?? systemClock,
      watchdogMs: options.watchdogMs ?? 1000,
    })
    const topics = part.inputs.map((input) => {
      if (input.kind === 'source') throw new Error('TestTask takes topics')
      return input.kind === 'topic' ? input.topic : { ...input, name: `test-${input.name}` }
    })
    this.#topic = topics[0]!.name
    this.#serdes = new Map(topics.map((topic) => [topic.name, topic]))
    this.#offset = 0
  }

  /** One epoch: begin, feed, complete, commit; a failure rolls back and is thrown. */
  async epoch(records: readonly Fed[], { ended = false, fail = false } = {}): Promise<void> {
    const offset = this.#offset
    this.task.begin()
    try {
      for (const batch of this.batches(records)) this.task.feed(batch)
      await this.task.complete(ended)
      this.task.writeChanges()
      if (fail) throw new Error('this epoch was told to fail')
    } catch (error) {
      this.#offset = offset
      this.task.rollback()
      this.log.abort()
      throw error
    }
    this.task.commit()
    this.log.commit()
  }

  /** Feeds what another task has written to this task's repartition topic. */
  async epochOf(records: readonly Appended[], { ended = false } = {}): Promise<void> {
    const raw = records.filter((record) => record.topic === this.#topic && record.partition === this.task.partition)
    this.task.begin()
    if (raw.length > 0) this.task.feed(this.#build(this.#topic, raw))
    await this.task.complete(ended)
    this.task.writeChanges()
    this.task.commit()
    this.log.commit()
  }

  /** One batch for each run of records of the same topic. */
  batches(records: readonly Fed[]): TaskBatch[] {
    const runs: { topic: string; records: Fed[] }[] = []
    for (const record of records) {
      const topic = record.topic ?? this.#topic
      if (runs.at(-1)?.topic === topic) runs.at(-1)!.records.push(record)
      else runs.push({ topic, records: [record] })
    }
    return runs.map((run) => this.#encoded(run.topic, run.records))
  }

  #encoded(topic: string, records: readonly Fed[]): TaskBatch {
    const serdes = this.#serdes.get(topic)!
    return this.#build(
      topic,
      records.map(({ key, value, timestamp = 0, headers = [] }) => ({
        key: key === null ? null : serdes.key.serialize(key),
        value: value === null ? null : serdes.value.serialize(value),
        timestamp,
        headers,
      })),
    )
  }

  /** A task of the same pipeline whose stores hold what the changelogs say: what a restart finds. */
  restarted(): TestTask {
    const next = new TestTask(this.#pipeline, { log: this.log })
    for (const store of next.task.stores) {
      for (const { key, value, timestamp } of this.log.in(`test-${store.name}-changelog`)) store.restore(key!, value, timestamp)
    }
    const channels = this.#serdes.size
    next.task.restoreTime(this.task.watermarks.encode(0, channels), 0, channels)
    next.#offset = this.#offset
    return next
  }

  #build(topic: string, records: readonly Omit<Appended, 'topic' | 'partition'>[]): TaskBatch {
    const builder = new BatchBuilder()
    for (const { timestamp, key, value, headers } of records) builder.append(timestamp, key, value, headers)
    const columns = decodeBatch(builder.build({ baseOffset: this.#offset }), 0)
    this.#offset += records.length
    return { topic, partition: this.task.partition, columns, from: 0, count: records.length }
  }
}
