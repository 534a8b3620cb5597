import type { PartitionLog } from './partition-log.ts'

/** Logs by topic and partition. */
export class TopicLogs implements Iterable<PartitionLog> {
  readonly #topics: Map<string, Map<number, PartitionLog>>
  #size: number

  constructor() {
    this.#topics = new Map()
    this.#size = 0
  }

  get size(): number {
    return this.#size
  }

  get(topic: string, partition: number): PartitionLog | undefined {
    return this.#topics.get(topic)?.get(partition)
  }

  /** One that is not there yet. */
  add(log: PartitionLog): void {
    this.#size++
    const logs = this.#topics.get(log.topic)
    if (logs === undefined) this.#topics.set(log.topic, new Map([[log.partition, log]]))
    else logs.set(log.partition, log)
  }

  /** Takes out those of a topic from partition `from` on. */
  take(topic: string, from: number): PartitionLog[] {
    const logs = this.#topics.get(topic)
    if (logs === undefined) return []
    const taken = Array.from(logs.values()).filter(({ partition }) => partition >= from)
    for (const { partition } of taken) logs.delete(partition)
    if (logs.size === 0) this.#topics.delete(topic)
    this.#size -= taken.length
    return taken
  }

  /** Topic by topic. */
  *[Symbol.iterator](): Generator<PartitionLog, void> {
    for (const logs of this.#topics.values()) yield* logs.values()
  }
}
