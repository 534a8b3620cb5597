import type { TopicPartition } from '../core/client/types.ts'
import type { Appender } from './appender.ts'
import type { CallSites } from './calls/call-site.ts'
import { policyOf } from './errors/policy-of.ts'
import type { GlobalStores } from './global-stores.ts'
import type { Input } from './layout.ts'
import { internalTopic } from './names.ts'
import type { Settings } from './options.ts'
import type { PartInput, Plan } from './plan.ts'
import { Task } from './task.ts'
import type { Setup } from './topic-setup.ts'

/** One task with its partitions. */
export interface Assigned {
  /** Within this worker. */
  readonly id: string
  readonly task: Task
  /** The partition of each input topic. */
  readonly inputs: readonly (TopicPartition & Pick<Input, 'repartition' | 'channels'>)[]
  /** What is committed says that the task has closed its windows at these positions: at the end of a drain. */
  ended: boolean
}

/** Makes the tasks of a worker, empty. */
export class TaskMaker {
  readonly #settings: Settings
  readonly #plan: Plan
  readonly #appender: Appender
  readonly #calls: CallSites
  readonly #inputs: ReadonlyMap<string, Input>
  readonly #channelsOf: (input: PartInput) => number
  readonly #globals: GlobalStores

  constructor(settings: Settings, plan: Plan, appender: Appender, calls: CallSites, { inputs, channelsOf }: Setup, globals: GlobalStores) {
    this.#settings = settings
    this.#plan = plan
    this.#appender = appender
    this.#calls = calls
    this.#inputs = new Map(inputs.map((input) => [input.topic, input]))
    this.#channelsOf = channelsOf
    this.#globals = globals
  }

  knows(topic: string): boolean {
    return this.#inputs.has(topic)
  }

  /** The task that reads a partition. */
  idOf({ topic, partition }: TopicPartition): string {
    return `${this.#inputs.get(topic)!.part.index}-${partition}`
  }

  /** A task of these partitions, which belong together. */
  make(partitions: readonly TopicPartition[]): Assigned {
    const { clock, watchdogMs } = this.#settings
    const [first] = partitions
    const task = new Task({
      pipeline: this.#plan.name,
      part: this.#inputs.get(first!.topic)!.part,
      partition: first!.partition,
      topicName: (name) => internalTopic(this.#settings, name),
      channelsOf: this.#channelsOf,
      appender: this.#appender,
      clock,
      watchdogMs,
      errors: policyOf(this.#settings, this.#plan),
      calls: this.#calls,
      globals: this.#globals,
    })
    return { id: this.idOf(first!), task, ended: false, inputs: this.#inputsOf(partitions) }
  }

  /** The task that reads a partition, with all that it reads. */
  makeWhole({ topic, partition }: TopicPartition): Assigned {
    const { part } = this.#inputs.get(topic)!
    const own = [...this.#inputs.values()].filter((input) => input.part === part)
    return this.make(own.map((input) => ({ topic: input.topic, partition })))
  }

  /** The same task, of these partitions. */
  of(assigned: Assigned, partitions: readonly TopicPartition[]): Assigned {
    return { ...assigned, inputs: this.#inputsOf(partitions) }
  }

  #inputsOf(partitions: readonly TopicPartition[]): Assigned['inputs'] {
    return partitions.map((partition) => {
      const { channels, repartition } = this.#inputs.get(partition.topic)!
      return { ...partition, channels, repartition }
    })
  }
}
