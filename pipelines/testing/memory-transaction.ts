import type { OffsetToCommit } from '../../core/client/types.ts'
import type { Header } from '../../core/record/header.ts'
import { keyOf } from '../slices.ts'
import type { Positions, Transaction } from '../commit/transaction.ts'
import type { MemoryLog } from './memory-log.ts'

/** Epochs that become visible in a {@link MemoryLog}, and the positions that were committed with them. */
export class MemoryTransaction implements Transaction {
  readonly runsOnce = false
  /** By topic-partition: what a group would answer. */
  readonly positions: Map<string, OffsetToCommit>
  readonly #log: MemoryLog

  constructor(log: MemoryLog) {
    this.positions = new Map()
    this.#log = log
  }

  async init(): Promise<void> {}

  know(topic: string): Promise<number> {
    return Promise.resolve(this.#log.partitions(topic))
  }

  partitions(topic: string): number {
    return this.#log.partitions(topic)
  }

  partitionFor(topic: string, key: Buffer | null): number {
    return this.#log.partitionFor(topic, key)
  }

  append(topic: string, partition: number, key: Buffer | null, value: Buffer | null, timestamp: number, headers?: readonly Header[]): void {
    this.#log.append(topic, partition, key, value, timestamp, headers)
  }

  begin(): void {}

  room(): undefined {}

  async claim(): Promise<void> {}

  async commit({ offsets }: Pick<Positions, 'offsets'>): Promise<void> {
    this.#log.commit()
    for (const offset of offsets()) this.positions.set(keyOf(offset), offset)
  }

  async abort(): Promise<void> {
    this.#log.abort()
  }

  async settle(): Promise<void> {}

  async close(): Promise<void> {}
}
