import type { Consumer } from '../core/client/consumer.ts'
import type { TopicPartition } from '../core/client/types.ts'
import { type Assignment, isEndMarked } from './assignment.ts'
import { Idleness } from './idleness.ts'
import type { Input } from './layout.ts'
import type { Settings } from './options.ts'
import { endOffsets } from './restore.ts'
import { keyOf } from './slices.ts'
import type { Assigned } from './task-maker.ts'

/** How often the group is asked how far the tasks before a repartition are, in milliseconds. */
const ASK_MS = 100

/**
 * Where the inputs of a worker end: for now (idleness), or for good (a drain). A drain goes part by part: a snapshot of where the inputs
 * end; each task closes its windows when it is there, and says so with its committed position; when the group knows that of all tasks of
 * a part, in whatever process, the repartition behind it has its end too.
 */
export class Ends {
  readonly #settings: Settings
  readonly #idleness: Idleness
  readonly #inputs: readonly Input[]
  readonly #partitions: (topic: string) => number
  /** By topic-partition, of the parts whose input will get no more. */
  readonly #targets: Map<string, number>
  #partsSet: number
  #askedAt: number

  /**
   * @param inputs what the worker reads, upstream first
   * @param partitions how many a topic has
   */
  constructor(settings: Settings, inputs: readonly Input[], partitions: (topic: string) => number) {
    this.#settings = settings
    this.#idleness = new Idleness(settings.clock, settings.idleMs)
    this.#inputs = inputs
    this.#partitions = partitions
    this.#targets = new Map()
    this.#partsSet = 0
    this.#askedAt = -Infinity
  }

  /** A drain has begun. */
  get areSet(): boolean {
    return this.#partsSet > 0
  }

  /** Takes the snapshot of the next part as soon as nothing more comes from the part before it. Open transactions are waited for. */
  async advance(consumer: Consumer): Promise<void> {
    const parts = [...new Set(this.#inputs.map(({ part }) => part))]
    const part = parts[this.#partsSet]
    const now = this.#settings.clock.monotonic()
    if (part === undefined || now - this.#askedAt < ASK_MS) return
    this.#askedAt = now
    const before = parts[this.#partsSet - 1]
    if (before !== undefined && !(await this.#hasEnded(this.#partitionsOf(before), consumer))) return
    for (const [key, offset] of await endOffsets(this.#settings, this.#partitionsOf(part))) this.#targets.set(key, offset)
    this.#partsSet++
  }

  /** Where reading of a partition stops. */
  of(partition: TopicPartition): number {
    return this.#targets.get(keyOf(partition)) ?? Infinity
  }

  /** Whether everything that a task is to read has been handed to it. */
  isAtEnd({ inputs }: Assigned, assignment: Assignment): boolean {
    return inputs.every((input) => assignment.position(input) >= this.of(input))
  }

  /** Tasks at their end whose windows are still open. */
  unfinished(assignment: Assignment): Assigned[] {
    return [...assignment.tasks].filter((assigned) => !assigned.ended && this.isAtEnd(assigned, assignment))
  }

  /** Whether all there is to do here is done: of every part, by every task that is ours. */
  allFinished(assignment: Assignment): boolean {
    if (this.#partsSet < new Set(this.#inputs.map(({ part }) => part)).size) return false
    return [...assignment.tasks].every((assigned) => assigned.ended && this.isAtEnd(assigned, assignment))
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
      const matters = inputs.length > 1 || task.part.outputs.some(({ output }) => output.kind === 'repartition')
      if (!matters) continue
      for (const input of inputs) {
        // Who writes a repartition says so in its stamps.
        if (input.repartition) continue
        const end = consumer.highWatermark(input)
        const atEnd = end !== undefined && assignment.position(input) >= end
        const [channel] = input.channels
        if (this.#idleness.isIdle(input, atEnd) && !task.watermarks.isIdle(channel)) idle.push([assigned, channel])
      }
    }
    return idle
  }

  async #hasEnded(partitions: readonly TopicPartition[], consumer: Consumer): Promise<boolean> {
    const committed = await consumer.committed(partitions)
    return partitions.every((partition) => {
      const position = committed.get(keyOf(partition))
      return position ? position.offset >= this.of(partition) && isEndMarked(position.metadata) : false
    })
  }

  #partitionsOf(part: Input['part']): TopicPartition[] {
    return this.#inputs
      .filter((input) => input.part === part)
      .flatMap(({ topic }) => Array.from({ length: this.#partitions(topic) }, (_, partition) => ({ topic, partition })))
  }
}
