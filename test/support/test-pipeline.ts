import { systemClock } from '../../core/base/clock.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import { decodeBatch } from '../../core/record/columns.ts'
import type { Part, PartInput } from '../../pipelines/plan.ts'
import { plan } from '../../pipelines/planner.ts'
import type { Pipeline } from '../../pipelines/pipeline.ts'
import { Task } from '../../pipelines/task.ts'
import { type Appended, MemoryLog } from './pipelines.ts'

/** A record of an input topic, as bytes. */
export type Sent = Pick<Appended, 'topic' | 'key' | 'value' | 'timestamp'>

interface Running {
  readonly part: Part
  readonly task: Task
  /** How many records of its repartitions it has read. */
  read: number
}

/** A whole pipeline in memory, one partition of everything: each call of `epoch` runs through all its parts. */
export class TestPipeline {
  readonly log: MemoryLog
  readonly #running: readonly Running[]

  constructor(pipeline: Pipeline) {
    this.log = new MemoryLog()
    const { name, parts } = plan(pipeline)
    this.#running = parts.map((part) => {
      const options = { channelsOf: () => 1, appender: this.log, clock: systemClock, watchdogMs: 1000 }
      const task = new Task({ pipeline: name, part, partition: 0, topicName: internal, ...options })
      return { part, task, read: 0 }
    })
  }

  /** Every record once, in this order, and what is made of it through all repartitions. */
  async epoch(records: readonly Sent[], ended = false): Promise<void> {
    for (const running of this.#running) {
      const { part, task } = running
      const own = part.inputs.map(topicOf)
      const repartitioned = this.log.committed.filter(({ topic }) => own.includes(topic))
      const fresh = repartitioned.slice(running.read)
      running.read = repartitioned.length
      task.begin()
      for (const record of [...records.filter(({ topic }) => own.includes(topic)), ...fresh]) feed(task, record)
      await task.complete(ended)
      task.writeChanges()
      task.commit()
      this.log.commit()
    }
  }
}

function feed(task: Task, { topic, key, value, timestamp, headers = [] }: Sent & { headers?: Appended['headers'] }): void {
  const builder = new BatchBuilder()
  builder.append(timestamp, key, value, headers)
  task.feed({ topic, partition: 0, columns: decodeBatch(builder.build({ baseOffset: 0 }), 0), from: 0, count: 1 })
}

function internal(name: string): string {
  return `test-${name}`
}

function topicOf(input: PartInput): string {
  if (input.kind === 'source') throw new Error('TestPipeline takes topics')
  return input.kind === 'topic' ? input.topic.name : internal(input.name)
}
