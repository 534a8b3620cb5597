import { partitionOfKey } from '../../core/client/partitioner.ts'
import type { Header } from '../../core/record/header.ts'
import type { Serde } from '../../core/serde/serde.ts'
import type { Appender } from '../appender.ts'

/** A record of a topic, as bytes. */
export interface Appended {
  readonly topic: string
  readonly partition: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: number
  readonly headers: readonly Header[]
}

/** Topics in memory: what was appended in an epoch becomes visible when it commits. */
export class MemoryLog implements Appender {
  /** Partitions of topics that do not have the common number. */
  readonly counts: Map<string, number>
  readonly #common: number
  committed: Appended[]
  open: Appended[]

  constructor(counts: Readonly<Record<string, number>> = {}, common = 1) {
    this.counts = new Map(Object.entries(counts))
    this.#common = common
    this.committed = []
    this.open = []
  }

  append(topic: string, partition: number, key: Buffer | null, value: Buffer | null, timestamp: number, headers: readonly Header[] = []) {
    this.open.push({ topic, partition, key, value, timestamp, headers })
  }

  know(topic: string): Promise<number> {
    return Promise.resolve(this.partitions(topic))
  }

  partitions(topic: string): number {
    return this.counts.get(topic) ?? this.#common
  }

  partitionFor(topic: string, key: Buffer | null): number {
    return key === null ? 0 : partitionOfKey(key, this.partitions(topic))
  }

  commit(): void {
    for (const record of this.open) this.committed.push(record)
    this.open = []
  }

  abort(): void {
    this.open = []
  }

  in(topic: string): Appended[] {
    return this.committed.filter((record) => record.topic === topic)
  }

  read<K, V>(topic: { name: string; key: Serde<K>; value: Serde<V> }): { key: K; value: V; timestamp: number }[] {
    return this.in(topic.name).map(({ key, value, timestamp }) => ({
      key: decoded(topic.key, key),
      value: decoded(topic.value, value),
      timestamp,
    }))
  }
}

/** What a serde makes of the bytes; null stays null. */
export function decoded<T>(serde: Serde<T>, bytes: Buffer | null): T {
  return bytes === null ? (null as T) : serde.deserialize(bytes, 0, bytes.length)
}
