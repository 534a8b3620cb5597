import { MoldauError, messageOf } from '../core/base/errors.ts'
import type { RecordColumns } from '../core/record/columns.ts'
import { noHeaders } from '../core/record/header.ts'
import type { AnySerde } from './nodes.ts'
import { OperatorFailed } from './failure.ts'
import { type Origin, SourceRecord } from './record.ts'
import { isNullable } from './topic.ts'

/** Decodes records of one topic one by one out of the columns of a batch. */
export class RecordDecoder {
  readonly #pipeline: string
  readonly #topic: string
  readonly #key: AnySerde
  readonly #value: AnySerde
  readonly #nullKeys: boolean
  readonly #nullValues: boolean

  constructor(pipeline: string, topic: string, key: AnySerde, value: AnySerde) {
    this.#pipeline = pipeline
    this.#topic = topic
    this.#key = key
    this.#value = value
    this.#nullKeys = isNullable(key)
    this.#nullValues = isNullable(value)
  }

  /** @throws SERDE_FAILED naming the record, and the remedy; an error that may pass as it is */
  decode(columns: RecordColumns, i: number, partition: number): SourceRecord {
    const { buffer } = columns
    try {
      const key = this.#read(this.#key, this.#nullKeys, 'key', buffer, columns.keyStart[i]!, columns.keyLength[i]!)
      const value = this.#read(this.#value, this.#nullValues, 'value', buffer, columns.valueStart[i]!, columns.valueLength[i]!)
      // The number of headers is a varint: a zero byte is none, as nearly always.
      const headers = buffer[columns.headersStart[i]!] === 0 ? noHeaders : columns.headers(i)
      return new SourceRecord(key, value, columns.timestamps[i]!, headers, this.#topic, partition, columns.offset(i))
    } catch (cause) {
      // A schema is on its way: the record is not at fault, and the epoch may be run again.
      if (cause instanceof MoldauError && cause.retriable) throw cause
      const origin: Origin = { topic: this.#topic, partition, offset: columns.offset(i), timestamp: columns.timestamp(i) }
      throw new OperatorFailed(
        `from '${this.#topic}'`,
        origin,
        true,
        `pipeline "${this.#pipeline}" cannot read ${this.#topic}-${partition}@${columns.offset(i)}: ${messageOf(cause)}. ` +
          'Declare the topic with the serde that its producer used; nothing of this epoch was committed',
        cause,
        'SERDE_FAILED',
      )
    }
  }

  #read(serde: AnySerde, nulls: boolean, what: string, buffer: Buffer, start: number, length: number): unknown {
    if (length >= 0) return serde.deserialize(buffer, start, start + length)
    if (nulls) return null
    throw new MoldauError('SERDE_FAILED', `its ${what} is null, declared is ${serde.name}; allow nulls with nullable(…)`)
  }
}
