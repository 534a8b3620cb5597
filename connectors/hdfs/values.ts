import { createHash } from 'node:crypto'
import { MoldauError, messageOf } from '../../core/base/errors.ts'
import type { RandomBytes } from '../../core/base/uuid.ts'
import { avroSkip, type AvroSkip } from '../avro/skip.ts'
import { AvroWriter } from '../avro/writer.ts'
import type { SinkBatch, ValueSerde } from '../types.ts'
import type { Settings } from './options.ts'

/** The values of one topic: their schema, and how they get into a file. */
export class Values {
  readonly serde: ValueSerde
  /** Fingerprint of the schema, 16 hex digits. */
  readonly fingerprint: string
  readonly #settings: Settings
  readonly #random: RandomBytes
  readonly #metadata: ReadonlyMap<string, string>
  readonly #skip: AvroSkip | undefined

  /** Throws INVALID_CONFIG when the values of the topic are not Avro. */
  constructor(topic: string, partition: number, serde: ValueSerde | undefined, settings: Settings, random: RandomBytes) {
    if (serde?.schema === undefined) {
      throw new MoldauError(
        'INVALID_CONFIG',
        `hdfs writes Avro, and the values of topic ${topic} are ${serde?.name ?? 'of no known serde'}: declare topic('${topic}', { value: avro(schema) }), ` +
          'or give the sink value: avro(schema)',
      )
    }
    this.serde = serde
    const fingerprint = serde.fingerprint ?? createHash('sha256').update(JSON.stringify(serde.schema)).digest('hex')
    this.fingerprint = fingerprint.slice(0, 16)
    this.#settings = settings
    this.#random = random
    this.#metadata = new Map([
      ['moldau.topic', topic],
      ['moldau.partition', String(partition)],
    ])
    this.#skip = settings.validate ? avroSkip(serde.schema) : undefined
  }

  writer(): AvroWriter {
    return new AvroWriter({
      schema: this.serde.schema,
      codec: this.#settings.codec,
      metadata: this.#metadata,
      random: this.#random,
    })
  }

  /** Throws SERDE_FAILED unless record `i`'s bytes, which go into the file as they are, are one Avro value. */
  check(batch: SinkBatch, i: number): void {
    const { columns } = batch
    const length = columns.valueLength[i]!
    if (length < 0) throw misfit(batch, i, 'its value is null (a tombstone), which an Avro file cannot hold; filter such records out')
    if (this.#skip === undefined) return
    const start = columns.valueStart[i]!
    if (this.#skip(columns.buffer, start, start + length) === start + length) return
    // The serde says what is wrong in the terms of the schema; should it find nothing, the bytes were longer than the value.
    try {
      this.serde.deserialize(columns.buffer, start, start + length)
    } catch (error) {
      throw misfit(batch, i, messageOf(error), error)
    }
    throw misfit(batch, i, `its ${length} bytes are not one value of ${this.serde.name}; was it written with another schema?`)
  }

  /** The bytes of a value that came out of operators. */
  serialize(batch: SinkBatch, i: number, value: unknown): Buffer {
    try {
      return this.serde.serialize(value as never)
    } catch (error) {
      throw misfit(batch, i, messageOf(error), error)
    }
  }
}

function misfit({ topic, partition, columns }: SinkBatch, i: number, what: string, cause?: unknown): MoldauError {
  return new MoldauError('SERDE_FAILED', `${topic}-${partition}@${columns.offset(i)}: ${what}`, { cause })
}
