import type { TopicPartition } from './partition-writer.ts'

/** A map from (topic, partition) to a value, kept by topic as requests and records list them. */
export class TopicMap<V> {
  readonly #topics: Map<string, Map<number, V>>

  constructor() {
    this.#topics = new Map()
  }

  get size(): number {
    let size = 0
    for (const partitions of this.#topics.values()) size += partitions.size
    return size
  }

  get isEmpty(): boolean {
    return this.#topics.size === 0
  }

  get(topic: string, partition: number): V | undefined {
    return this.#topics.get(topic)?.get(partition)
  }

  has(topic: string, partition: number): boolean {
    return this.#topics.get(topic)?.has(partition) ?? false
  }

  set(topic: string, partition: number, value: V): void {
    let partitions = this.#topics.get(topic)
    if (partitions === undefined) this.#topics.set(topic, (partitions = new Map()))
    partitions.set(partition, value)
  }

  delete(topic: string, partition: number): void {
    const partitions = this.#topics.get(topic)
    if (partitions?.delete(partition) === true && partitions.size === 0) this.#topics.delete(topic)
  }

  topics(): IterableIterator<[string, ReadonlyMap<number, V>]> {
    return this.#topics.entries()
  }

  *entries(): Generator<TopicPartition & { value: V }> {
    for (const [topic, partitions] of this.#topics) {
      for (const [partition, value] of partitions) yield { topic, partition, value }
    }
  }
}
