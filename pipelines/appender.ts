import type { Header } from '../core/record/header.ts'

/** Where a task writes: the producer of its worker, or memory in tests. Everything of one epoch is committed or dropped together. */
export interface Appender {
  append(topic: string, partition: number, key: Buffer | null, value: Buffer | null, timestamp: number, headers?: readonly Header[]): void
  /** Partitions of a topic that the worker has looked up. */
  partitions(topic: string): number
  /** Looks up a topic, so that it can be appended to; answers how many partitions it has. */
  know(topic: string): Promise<number>
  /** Kafka's default partitioner. */
  partitionFor(topic: string, key: Buffer | null): number
}
