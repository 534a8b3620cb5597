import { messageOf } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { ConsumerBatch, OffsetToCommit, ProducerRecord } from './types.ts'

/** What became of a batch of records. */
export interface SettledBatch {
  readonly topic: string
  readonly partition: number
  /** How many records it has. */
  readonly count: number
  /** Offset of its first record; -1 when nobody knows, as with acks 0. */
  readonly firstOffset: number
  /** Why it was not written. */
  readonly error?: Error
}

/**
 * Sees what a producer writes (`org.apache.kafka.clients.producer.ProducerInterceptor`). Called in the order in which they are given.
 * What one of them throws is logged and goes no further: it never stops a record.
 */
export interface ProducerInterceptor {
  /** Before a record is encoded and its partition is chosen. What it returns is written instead. */
  onSend?(record: ProducerRecord): ProducerRecord
  /** When a batch has been acknowledged, or has failed. Once for each batch: records of one batch share their fate. */
  onAcknowledgement?(batch: SettledBatch): void
}

/** Sees what a consumer reads (`org.apache.kafka.clients.consumer.ConsumerInterceptor`). What it throws is logged and goes no further. */
export interface ConsumerInterceptor {
  /** Before poll returns a batch. What it returns is handed out instead; null hands out nothing, and the position moves on all the same. */
  onConsume?(batch: ConsumerBatch): ConsumerBatch | null
  /** When offsets have been committed. */
  onCommit?(offsets: readonly OffsetToCommit[]): void
}

/** Passes `value` through one method of each interceptor. */
function through<I, T>(interceptors: readonly I[], logger: Logger, name: string, value: T, call: (interceptor: I, value: T) => T): T {
  let result = value
  for (const interceptor of interceptors) {
    try {
      result = call(interceptor, result)
    } catch (error) {
      logger.warn({ interceptor: name, error: messageOf(error) }, 'an interceptor has failed: what it was given goes on as it was')
    }
  }
  return result
}

export class ProducerInterceptors {
  readonly #list: readonly ProducerInterceptor[]
  readonly #logger: Logger

  constructor(list: readonly ProducerInterceptor[], logger: Logger) {
    this.#list = list
    this.#logger = logger
  }

  send(record: ProducerRecord): ProducerRecord {
    return through(this.#list, this.#logger, 'onSend', record, (interceptor, now) => interceptor.onSend?.(now) ?? now)
  }

  acknowledged(batch: SettledBatch): void {
    through(this.#list, this.#logger, 'onAcknowledgement', undefined, (interceptor) => interceptor.onAcknowledgement?.(batch))
  }
}

export class ConsumerInterceptors {
  readonly #list: readonly ConsumerInterceptor[]
  readonly #logger: Logger

  constructor(list: readonly ConsumerInterceptor[], logger: Logger) {
    this.#list = list
    this.#logger = logger
  }

  consume(batches: ConsumerBatch[]): ConsumerBatch[] {
    if (this.#list.length === 0) return batches
    const consume = (batch: ConsumerBatch): ConsumerBatch | null =>
      through<ConsumerInterceptor, ConsumerBatch | null>(this.#list, this.#logger, 'onConsume', batch, (interceptor, now) =>
        now === null || interceptor.onConsume === undefined ? now : interceptor.onConsume(now),
      )
    return batches.map(consume).filter((batch) => batch !== null)
  }

  committed(offsets: readonly OffsetToCommit[]): void {
    through(this.#list, this.#logger, 'onCommit', undefined, (interceptor) => interceptor.onCommit?.(offsets))
  }
}
