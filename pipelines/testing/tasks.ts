import type { OffsetToCommit } from '../../core/client/types.ts'
import type { CallSites } from '../calls/call-site.ts'
import { policyOf } from '../errors/policy-of.ts'
import { invalid } from '../failure.ts'
import { GlobalStores } from '../global-stores.ts'
import type { Input, Layout } from '../layout.ts'
import { internalTopic } from '../names.ts'
import type { Settings } from '../options.ts'
import { changelogOf, type Part, type Plan, sinkOf, sourceOf } from '../plan.ts'
import { keyOf } from '../slices.ts'
import { Task } from '../task.ts'
import type { MemoryLog } from './memory-log.ts'
import type { MemoryTransaction } from './memory-transaction.ts'

/** A task, and what it reads. */
export interface RunningTask {
  readonly task: Task
  readonly inputs: readonly (Pick<Input, 'topic' | 'channels' | 'repartition'> & { readonly partition: number })[]
}

/** Every task of a pipeline: what one process that is alone in its group runs. */
export class TestTasks {
  readonly all: readonly RunningTask[]
  readonly #settings: Settings
  /** The global tables of the process. */
  readonly globals: GlobalStores
  readonly #byInput: ReadonlyMap<string, RunningTask>

  /** With the state and the event time of the last commit. */
  constructor(settings: Settings, plan: Plan, layout: Layout, log: MemoryLog, transaction: MemoryTransaction, calls: CallSites) {
    this.#settings = settings
    this.globals = new GlobalStores(plan.parts)
    for (const topic of this.globals.topics) {
      for (const { key, value, timestamp } of log.in(topic)) this.globals.take(topic, key, value, timestamp)
    }
    this.all = plan.parts.flatMap((part) => this.#tasksOf(plan, part, layout, log, calls))
    this.#byInput = new Map(this.all.flatMap((running) => running.inputs.map((input) => [keyOf(input), running])))
    for (const running of this.all) this.#restore(running, log, transaction)
  }

  of(topic: string, partition: number): RunningTask | undefined {
    return this.#byInput.get(keyOf({ topic, partition }))
  }

  /** The positions of a task with its event time, as a worker commits them. */
  positions({ task, inputs }: RunningTask, offsetOf: (key: string) => number): OffsetToCommit[] {
    return inputs.map(({ topic, partition, channels: [from, to] }) => {
      const metadata = task.watermarks.encode(from, to)
      return { topic, partition, offset: offsetOf(keyOf({ topic, partition })), metadata }
    })
  }

  #tasksOf(plan: Plan, part: Part, { inputs, channelsOf }: Layout, log: MemoryLog, calls: CallSites): RunningTask[] {
    const sink = sinkOf(part)
    if (sink !== undefined) {
      throw invalid(
        plan.name,
        `testPipeline runs what ends in topics; the sink '${sink.name}' is driven by a worker of its own: use run(…)`,
      )
    }
    const source = sourceOf(part)
    const own = source === undefined ? inputs.filter((input) => input.part === part) : [ofSource(source.name, part)]
    const { clock, watchdogMs } = this.#settings
    return Array.from({ length: log.partitions(own[0]!.topic) }, (_, partition) => ({
      inputs: own.map(({ topic, channels, repartition }) => ({ topic, channels, repartition, partition })),
      task: new Task({
        pipeline: plan.name,
        part,
        errors: policyOf(this.#settings, plan),
        partition,
        topicName: (name) => internalTopic(this.#settings, name),
        channelsOf,
        appender: log,
        clock,
        watchdogMs,
        calls,
        globals: this.globals,
      }),
    }))
  }

  #restore({ task, inputs }: RunningTask, log: MemoryLog, { positions }: MemoryTransaction): void {
    for (const store of task.stores) {
      for (const { partition, key, value, timestamp } of log.in(internalTopic(this.#settings, changelogOf(store.name)))) {
        if (partition === task.partition) store.restore(key!, value, timestamp)
      }
    }
    for (const input of inputs) {
      const metadata = positions.get(keyOf(input))?.metadata
      if (metadata !== undefined) task.restoreTime(metadata, ...input.channels)
    }
  }
}

function ofSource(topic: string, part: Part): Input {
  return { topic, part, repartition: false, channels: [0, 1] }
}
