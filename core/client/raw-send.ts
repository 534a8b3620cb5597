import type { Accumulator } from './accumulator.ts'
import type { Deferred } from './deferred-sends.ts'
import type { RawBatch } from './raw-batch.ts'
import { RawContent } from './raw-content.ts'
import * as header from '../record/batch.ts'
import type { WrittenRange } from './types.ts'

export interface RawSendOptions {
  topic: string
  partition: number
  batch: Buffer | RawBatch
  enableIdempotence: boolean
}

/** A batch that somebody else has encoded, on its way into the queue of its partition. */
export class RawSend implements Deferred {
  readonly topic: string
  readonly bytes: number
  readonly written: Promise<WrittenRange>
  readonly #accumulator: Accumulator
  readonly #partition: number
  readonly #content: RawContent
  readonly #timestamp: number
  readonly #result: PromiseWithResolvers<WrittenRange>

  /** @throws MoldauError INVALID_ARGUMENT, CORRUPT_BATCH */
  constructor(accumulator: Accumulator, { topic, partition, batch, enableIdempotence }: RawSendOptions) {
    const bytes = Buffer.isBuffer(batch) ? batch : batch.bytes
    this.topic = topic
    this.bytes = bytes.length
    this.#accumulator = accumulator
    this.#partition = partition
    this.#content = new RawContent(topic, partition, batch, enableIdempotence)
    this.#timestamp = header.baseTimestamp(bytes, 0)
    this.#result = Promise.withResolvers()
    this.written = this.#result.promise
  }

  append(): boolean {
    const { count } = this.#content
    const pending = this.#accumulator.add(this.topic, this.#partition, this.#content, this.bytes)
    const resolve = (place: Omit<WrittenRange, 'count'>): void => this.#result.resolve({ ...place, count })
    pending.claim({ index: 0, count, timestamp: this.#timestamp, resolve, reject: this.#result.reject })
    return true
  }

  reject(error: Error): void {
    this.#result.reject(error)
  }
}
