import type { LogConfig } from '../log/config.ts'
import type { LogManager } from '../log/log-manager.ts'
import { Partition } from './partition.ts'

/** What a topic needs to be given partitions here. */
export interface TopicSpec {
  readonly name: string
  readonly id: string
  readonly partitions: number
  /** Default: 0. */
  readonly leaderEpoch?: number
}

/** The partitions that this broker holds. */
export class ReplicaManager {
  readonly #logs: LogManager
  readonly #topics: Map<string, readonly Partition[]>

  constructor(logs: LogManager) {
    this.#logs = logs
    this.#topics = new Map()
  }

  /** Those that are being made count as well. */
  get partitionCount(): number {
    return this.#logs.partitionCount
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
    this.add(topic.name, this.make(topic, config))
  }

  /** The partitions that a topic has not yet, for {@link ReplicaManager.add}: nobody sees them before. {@link ReplicaManager.discard} takes them back. */
  make(topic: TopicSpec, config: LogConfig): Partition[] {
    const made: Partition[] = []
    for (let index = this.partitionsOf(topic.name).length; index < topic.partitions; index++) {
      const log = this.#logs.get(topic.name, index) ?? this.#logs.create(topic.name, index, topic.id, config)
      made.push(new Partition(topic.name, index, topic.id, log, topic.leaderEpoch))
    }
    return made
  }

  add(topic: string, made: readonly Partition[]): void {
    this.#topics.set(topic, [...this.partitionsOf(topic), ...made])
  }

  /** Takes away what {@link ReplicaManager.make} has made, all of it or what it came to, and nobody has seen. */
  discard(topic: string): Promise<void> {
    return this.#logs.delete(topic, this.partitionsOf(topic).length)
  }

  /** Topics with a folder here, the number of their partitions, and the id that the folders bear. */
  found(): { name: string; partitions: number; id: string | undefined }[] {
    const counts = new Map<string, number>()
    for (const { topic, partition } of this.#logs.partitions()) counts.set(topic, Math.max(counts.get(topic) ?? 0, partition + 1))
    return Array.from(counts, ([name, partitions]) => ({ name, partitions, id: this.#logs.topicId(name, 0) }))
  }

  /** The largest leader epoch that wrote into any partition of a topic found here, -1 for none. */
  latestEpoch(topic: string, partitions: number): number {
    let latest = -1
    for (let index = 0; index < partitions; index++) {
      try {
        latest = Math.max(latest, this.#logs.get(topic, index)?.latestEpoch ?? -1)
      } catch {
        // What keeps the log from being opened is told by who reads it.
      }
    }
    return latest
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
  keepStarts(): Promise<void> {
    return this.#logs.checkpointStarts()
  }

  /** Takes a topic's partitions away at once; fetches that wait for them are answered. Resolves when a topic of the same name may be made. */
  delete(topic: string): Promise<void> {
    const partitions = this.partitionsOf(topic)
    this.#topics.delete(topic)
    const deleted = this.#logs.delete(topic)
    for (const partition of partitions) partition.wakeAll()
    return deleted
  }

  /** Answers everybody who waits: the broker is going to stop. */
  wakeAll(): void {
    for (const partition of this.partitions()) partition.wakeAll()
  }
}
