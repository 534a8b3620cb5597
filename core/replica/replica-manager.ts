import type { LogConfig } from '../log/config.ts'
import type { LogManager } from '../log/log-manager.ts'
import { Partition } from './partition.ts'

/** What a topic needs to be given partitions here. */
export interface TopicSpec {
  readonly name: string
  readonly id: string
  readonly partitions: number
}

/** The partitions that this broker holds. */
export class ReplicaManager {
  readonly #logs: LogManager
  readonly #topics: Map<string, Partition[]>
  #count: number

  constructor(logs: LogManager) {
    this.#logs = logs
    this.#topics = new Map()
    this.#count = 0
  }

  get partitionCount(): number {
    return this.#count
  }

  partition(topic: string, index: number): Partition | undefined {
    return this.#topics.get(topic)?.[index]
  }

  /** All partitions of a topic, by index; empty when it is not here. */
  partitionsOf(topic: string): readonly Partition[] {
    return this.#topics.get(topic) ?? []
  }

  *partitions(): Iterable<Partition> {
    for (const partitions of this.#topics.values()) yield* partitions
  }

  /** Opens or makes the logs of a topic's partitions; those that are open already stay as they are. */
  open(topic: TopicSpec, config: LogConfig): void {
    let partitions = this.#topics.get(topic.name)
    if (partitions === undefined) this.#topics.set(topic.name, (partitions = []))
    for (let index = partitions.length; index < topic.partitions; index++) {
      const log = this.#logs.get(topic.name, index) ?? this.#logs.create(topic.name, index, topic.id, config)
      partitions.push(new Partition(topic.name, index, topic.id, log))
      this.#count++
    }
  }

  /** Topics with a folder here, the number of their partitions, and the id that the folders bear. */
  found(): { name: string; partitions: number; id: string | undefined }[] {
    const counts = new Map<string, number>()
    for (const { topic, partition } of this.#logs.partitions()) counts.set(topic, Math.max(counts.get(topic) ?? 0, partition + 1))
    return Array.from(counts, ([name, partitions]) => ({ name, partitions, id: this.#logs.topicId(name, 0) }))
  }

  /** Writes down once more which topic the first partition belongs to. */
  identify(topic: string, id: string): void {
    this.#logs.identify(topic, 0, id)
  }

  /** Gives the logs of a topic other settings. */
  configure(topic: string, config: LogConfig): void {
    for (const partition of this.partitionsOf(topic)) partition.log.configure(config)
  }

  /** {@link Partition.caughtUp} of several partitions; `undefined` when there is nothing to wait for. */
  caughtUp(places: Iterable<{ topic: string; index: number }>): Promise<unknown> | undefined {
    const waits: Promise<void>[] = []
    for (const { topic, index } of places) {
      const wait = this.partition(topic, index)?.caughtUp()
      if (wait !== undefined) waits.push(wait)
    }
    return waits.length === 0 ? undefined : Promise.all(waits)
  }

  /** Makes what {@link PartitionLog.deleteRecordsBefore} has done durable. */
  keepStarts(): void {
    this.#logs.checkpointStarts()
  }

  /** Takes a topic's partitions away; fetches that wait for them are answered. */
  delete(topic: string): void {
    const partitions = this.partitionsOf(topic)
    this.#topics.delete(topic)
    this.#count -= partitions.length
    this.#logs.delete(topic)
    for (const partition of partitions) partition.wakeAll()
  }

  /** Takes away the partitions from number `kept` on: they were being made, and could not be. */
  shrink(topic: string, kept: number): void {
    const partitions = this.#topics.get(topic)
    if (partitions === undefined) return
    this.#count -= Math.max(0, partitions.length - kept)
    partitions.splice(kept)
    if (kept === 0) this.#topics.delete(topic)
    this.#logs.delete(topic, kept)
  }

  /** Answers everybody who waits: the broker is going to stop. */
  wakeAll(): void {
    for (const partition of this.partitions()) partition.wakeAll()
  }
}
