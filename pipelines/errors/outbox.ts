import type { Header } from '../../core/record/header.ts'
import type { Appender } from '../appender.ts'

/** Where a task writes; on trial runs nothing leaves it. */
export class Outbox implements Appender {
  readonly #appender: Appender
  readonly #onTrial: () => boolean

  constructor(appender: Appender, onTrial: () => boolean) {
    this.#appender = appender
    this.#onTrial = onTrial
  }

  append(topic: string, partition: number, key: Buffer | null, value: Buffer | null, timestamp: number, headers?: readonly Header[]): void {
    if (!this.#onTrial()) this.#appender.append(topic, partition, key, value, timestamp, headers)
  }

  know(topic: string): Promise<number> {
    return this.#appender.know(topic)
  }

  partitions(topic: string): number {
    return this.#appender.partitions(topic)
  }

  partitionFor(topic: string, key: Buffer | null): number {
    return this.#appender.partitionFor(topic, key)
  }
}
