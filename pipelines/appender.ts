import type { Header } from '../core/record/header.ts'

/** Where a task writes: the producer of its worker, or memory in tests. Everything of one epoch is committed or dropped together. */
export interface Appender {
  append(topic: string, partition: number, key: Buffer | null, value: Buffer | null, timestamp: number, headers?: readonly Header[]): void
  /** Partitions of a topic that the worker has looked up. */
  partitions(topic: string): number
  /** Kafka's default partitioner. */
  partitionFor(topic: string, key: Buffer | null): number
}
