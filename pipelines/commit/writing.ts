import type { Producer } from '../../core/client/producer.ts'
import type { Header } from '../../core/record/header.ts'
import type { Positions, Transaction } from './transaction.ts'

/** From here on feeding waits for acknowledgements; the producer itself gives up at twice as much. */
export const BUFFERED_BYTES_MAX = 32 * 1024 * 1024

/** What all guarantees have in common: they write through a producer. */
export abstract class Writing implements Transaction {
  abstract readonly runsOnce: boolean
  protected readonly producer: Producer
  readonly #partitions: Map<string, number>

  constructor(producer: Producer) {
    this.producer = producer
    this.#partitions = new Map()
  }

  async know(topic: string): Promise<number> {
    const count = await this.producer.partitions(topic)
    this.#partitions.set(topic, count)
    return count
  }

  partitions(topic: string): number {
    return this.#partitions.get(topic) ?? 0
  }

  partitionFor(topic: string, key: Buffer | null): number {
    return this.producer.partitionFor(topic, key)
  }

  append(topic: string, partition: number, key: Buffer | null, value: Buffer | null, timestamp: number, headers?: readonly Header[]): void {
    this.producer.append(topic, partition, key, value, timestamp, headers)
  }

  room(): Promise<void> | undefined {
    return this.producer.bufferedBytes > BUFFERED_BYTES_MAX ? this.producer.ready() : undefined
  }

  init(): Promise<void> {
    return this.producer.init()
  }

  claim(_positions: Positions): Promise<void> {
    return Promise.resolve()
  }

  begin(): void {}

  /** What was appended cannot be taken back. */
  async abort(): Promise<void> {
    await this.producer.flush().catch(() => undefined)
  }

  settle(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    return this.producer.close()
  }

  abstract commit(positions: Positions): Promise<void>
}
