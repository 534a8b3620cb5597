import type { Consumer } from '../core/client/consumer.ts'
import type { TopicPartition } from '../core/client/types.ts'
import type { Assigned, Assignment } from './assignment.ts'
import { Idleness } from './idleness.ts'
import type { Settings } from './options.ts'
import { endOffsets } from './restore.ts'
import { keyOf } from './slices.ts'
import type { Task } from './task.ts'

/**
 * Where the inputs of a worker end: for now (idleness), or for good (a drain). A drain takes a snapshot of the ends; a task whose inputs
 * are all there has seen its last record, and so has one behind a repartition when all tasks before it have said so.
 */
export class Ends {
  readonly #settings: Settings
  readonly #idleness: Idleness
  /** Tasks that have completed their last epoch. */
  readonly #finished: Set<Task>
  #targets: ReadonlyMap<string, number> | undefined

  constructor(settings: Settings) {
    this.#settings = settings
    this.#idleness = new Idleness(settings.clock, settings.idleMs)
    this.#finished = new Set()
    this.#targets = undefined
  }

  get areSet(): boolean {
    return this.#targets !== undefined
  }

  /** Takes the snapshot: this far and no further. Open transactions are waited for. */
  async set(inputs: readonly TopicPartition[]): Promise<void> {
    this.#targets ??= inputs.length === 0 ? new Map() : await endOffsets(this.#settings, inputs)
  }

  /** Where reading of a partition stops. */
  of(partition: TopicPartition): number {
    return this.#targets?.get(keyOf(partition)) ?? Infinity
  }

  /** Whether everything that a task is to read from topics has been handed to it. */
  isAtEnd({ task, inputs }: Assigned, assignment: Assignment): boolean {
    if (this.#targets === undefined || task.part.input.kind === 'repartition') return false
    return inputs.every((input) => assignment.position(input) >= (this.#targets!.get(keyOf(input)) ?? 0))
  }

  /** Tasks at their end that have not been told so. */
  unfinished(assignment: Assignment): Assigned[] {
    return [...assignment.tasks].filter((assigned) => !this.#finished.has(assigned.task) && this.isAtEnd(assigned, assignment))
  }

  finish(task: Task, ended: boolean): void {
    if (ended) this.#finished.add(task)
    else this.#finished.delete(task)
  }

  forget(): void {
    this.#finished.clear()
  }

  allFinished(assignment: Assignment): boolean {
    return [...assignment.tasks].every(({ task }) => this.#finished.has(task))
  }

  /** Records came. */
  moved(partition: TopicPartition): void {
    this.#idleness.moved(partition)
  }

  /** Inputs, with their channel, whose silence would hold somebody's time back, and does so from now on no longer. */
  newlyIdle(assignment: Assignment, consumer: Consumer): [Assigned, number][] {
    const idle: [Assigned, number][] = []
    for (const assigned of assignment.tasks) {
      const { task, inputs } = assigned
      const matters = inputs.length > 1 || task.part.output.kind === 'repartition'
      if (!matters || task.part.input.kind === 'repartition') continue
      for (const input of inputs) {
        const end = consumer.highWatermark(input)
        const atEnd = end !== undefined && assignment.position(input) >= end
        const [channel] = input.channels
        if (this.#idleness.isIdle(input, atEnd) && !task.watermarks.isIdle(channel)) idle.push([assigned, channel])
      }
    }
    return idle
  }
}
