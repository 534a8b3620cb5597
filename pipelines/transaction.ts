import { MoldauError } from '../core/base/errors.ts'
import type { Consumer } from '../core/client/consumer.ts'
import type { Producer } from '../core/client/producer.ts'
import type { OffsetToCommit } from '../core/client/types.ts'
import type { Header } from '../core/record/header.ts'
import type { Appender } from './appender.ts'
import type { Settings } from './options.ts'
import { type Part, waits } from './plan.ts'

/** Fill whole requests: records of an epoch come all at once. */
const BATCH_BYTES = 256 * 1024
/** From here on feeding waits for acknowledgements; the producer itself gives up at twice as much. */
const BUFFERED_BYTES_MAX = 32 * 1024 * 1024

/** After how long the coordinator aborts the transaction of a process that has died, in milliseconds: as in Kafka Streams. */
const TIMEOUT_MS = 10_000

/** How an epoch becomes durable: everything appended, together with positions, or nothing of it. */
export interface Transaction extends Appender {
  /** Takes the identity; whoever had it before is fenced and its open transaction aborted. */
  init(): Promise<void>
  begin(): void
  /** Undefined when there is room; else resolves when there is. */
  room(): Promise<void> | undefined
  commit(offsets: readonly OffsetToCommit[], consumer: Consumer | undefined): Promise<void>
  abort(): Promise<void>
  close(): Promise<void>
}

/**
 * A Kafka transaction for exactly-once; for at-least-once a flush, then the positions.
 *
 * @param parts what runs inside the transaction: where nothing waits it is over soon, so a dead process's does not hold up others for long
 */
export function openTransaction(settings: Settings, transactionalId: string, parts: readonly Part[]): Transaction {
  const transactionTimeoutMs = TIMEOUT_MS + (waits(parts) ? settings.watchdogMs : 0)
  const options = { batchSize: BATCH_BYTES, bufferMemory: BUFFERED_BYTES_MAX, transactionTimeoutMs }
  if (settings.guarantee === 'exactly-once') return new ExactlyOnce(settings.client.producer({ ...options, transactionalId }))
  return new AtLeastOnce(settings.client.producer(options))
}

abstract class Writing implements Transaction {
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

  close(): Promise<void> {
    return this.producer.close()
  }

  abstract init(): Promise<void>
  abstract begin(): void
  abstract commit(offsets: readonly OffsetToCommit[], consumer: Consumer | undefined): Promise<void>
  abstract abort(): Promise<void>
}

class ExactlyOnce extends Writing {
  init(): Promise<void> {
    return this.producer.init()
  }

  begin(): void {
    this.producer.begin()
  }

  async commit(offsets: readonly OffsetToCommit[], consumer: Consumer | undefined): Promise<void> {
    const sent = consumer === undefined ? Promise.resolve() : this.producer.sendOffsets(offsets, consumer.groupMetadata())
    // The offsets' own error says more than the commit's, which fails with it.
    const [offsetsSent, committed] = await Promise.allSettled([sent, this.producer.commit()])
    if (offsetsSent.status === 'rejected') throw offsetsSent.reason
    if (committed.status === 'rejected') throw committed.reason
  }

  async abort(): Promise<void> {
    try {
      await this.producer.abort()
    } catch (error) {
      // There was no transaction: it failed before begin().
      if (!(error instanceof MoldauError && error.code === 'INVALID_ARGUMENT')) throw error
    }
  }
}

class AtLeastOnce extends Writing {
  init(): Promise<void> {
    return this.producer.init()
  }

  begin(): void {}

  async commit(offsets: readonly OffsetToCommit[], consumer: Consumer | undefined): Promise<void> {
    await this.producer.flush()
    if (offsets.length > 0) await consumer?.commit(offsets)
  }

  /** What was appended cannot be taken back: it will be there twice. */
  async abort(): Promise<void> {
    await this.producer.flush().catch(() => undefined)
  }
}
