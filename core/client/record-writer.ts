import type { Clock } from '../base/clock.ts'
import { recordSizeMax } from '../record/builder.ts'
import type { Accumulator } from './accumulator.ts'
import { checkRecord } from './arguments.ts'
import { BatchSend } from './batch-send.ts'
import type { DeferredSends } from './deferred-sends.ts'
import type { ProducerInterceptors } from './interceptors.ts'
import { headersOf, keyBytes, valueBytes } from './record-bytes.ts'
import type { Bytes } from './record-bytes.ts'
import type { TopicPartitions } from './topic-partitions.ts'
import type { NewHeader, ProducerBatch, ProducerRecord, RecordMetadata, WrittenRange } from './types.ts'

export interface RecordWriterOptions {
  clock: Clock
  accumulator: Accumulator
  partitions: TopicPartitions
  deferred: DeferredSends
  /** Undefined where there are none: append() asks for each record. */
  interceptors: ProducerInterceptors | undefined
  maxRequestSize: number
}

/** Takes records as a program hands them over, shows them to interceptors, makes bytes of them and puts these where they belong. */
export class RecordWriter {
  readonly #options: RecordWriterOptions
  readonly #accumulator: Accumulator
  readonly #interceptors: ProducerInterceptors | undefined

  constructor(options: RecordWriterOptions) {
    this.#options = options
    this.#accumulator = options.accumulator
    this.#interceptors = options.interceptors
  }

  /** See {@link Producer.send}. @throws MoldauError INVALID_ARGUMENT */
  send(given: ProducerRecord): Promise<RecordMetadata> {
    checkRecord('producer.send()', given)
    const record = this.#interceptors === undefined ? given : this.#interceptors.send(given)
    const { clock, partitions, deferred } = this.#options
    const { topic } = record
    const key = keyBytes(topic, record.key)
    const value = valueBytes(topic, record.value)
    const headers = record.headers === undefined ? undefined : headersOf(topic, record.headers)
    const timestamp = record.timestamp ?? clock.now()
    const size = recordSizeMax(key?.length ?? 0, value?.length ?? 0, headers)
    const write = (): Promise<RecordMetadata> => {
      const partition = record.partition ?? partitions.choose(topic, key, size)
      return this.#accumulator.append(topic, partition, key, value, timestamp, headers).whenWritten(timestamp)
    }
    return deferred.run(topic, size, write)
  }

  /** See {@link Producer.sendBatch}. */
  sendBatch(batch: ProducerBatch): Promise<WrittenRange[]> {
    const { clock, deferred } = this.#options
    return deferred.put(() => new BatchSend(batch, { ...this.#options, now: clock.now() })).written
  }

  /** See {@link Producer.append}. */
  append(topic: string, partition: number, key: Bytes, value: Bytes, timestamp: number, headers: readonly NewHeader[] | undefined): void {
    if (this.#interceptors !== undefined)
      this.#appendIntercepted({ topic, partition, key, value, timestamp, ...(headers !== undefined && { headers }) })
    else {
      const own = headers === undefined ? undefined : headersOf(topic, headers)
      this.#accumulator.append(topic, partition, keyBytes(topic, key), valueBytes(topic, value), timestamp, own)
    }
  }

  #appendIntercepted(given: ProducerRecord & { partition: number; timestamp: number }): void {
    const { topic, partition, key, value, timestamp, headers } = { ...given, ...this.#interceptors!.send(given) }
    const own = headers === undefined ? undefined : headersOf(topic, headers)
    this.#accumulator.append(topic, partition, keyBytes(topic, key), valueBytes(topic, value), timestamp, own)
  }
}
