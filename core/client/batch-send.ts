import { MoldauError } from '../base/errors.ts'
import { BATCH_OVERHEAD } from '../record/batch.ts'
import { recordSizeMax } from '../record/builder.ts'
import type { Header } from '../record/header.ts'
import type { Accumulator } from './accumulator.ts'
import type { Deferred } from './deferred-sends.ts'
import type { ProducerInterceptors } from './interceptors.ts'
import { Receipt } from './receipt.ts'
import type { TopicPartitions } from './topic-partitions.ts'
import type { NewHeader, ProducerBatch, ProducerRow, WrittenRange } from './types.ts'
import { newBatch } from './arguments.ts'
import { check, shown } from './checks.ts'
import { headersOf, keyBytes, lengthOf, valueBytes } from './record-bytes.ts'
import type { Bytes } from './record-bytes.ts'

export interface BatchSendOptions {
  accumulator: Accumulator
  maxRequestSize: number
  /** For records without a time, milliseconds since 1970. */
  now: number
  partitions: TopicPartitions
  interceptors: ProducerInterceptors | undefined
}

/** Columns of one length each, or none. */
interface Columns {
  values: readonly Bytes[]
  keys: readonly Bytes[] | undefined
  timestamps: ArrayLike<number> | undefined
  headers: readonly (readonly Header[] | undefined)[] | undefined
}

/** As they are given. */
interface GivenColumns extends Omit<Columns, 'headers'> {
  headers: readonly (readonly NewHeader[] | undefined)[] | undefined
}

/** Many records that were handed over at once: appended row by row, as far as there is room, without an object or a promise per row. */
export class BatchSend implements Deferred {
  readonly topic: string
  readonly bytes: number
  readonly #options: BatchSendOptions
  readonly #columns: Columns
  readonly #partition: number | undefined
  readonly #receipt: Receipt
  #next: number

  /** @throws MoldauError INVALID_ARGUMENT, RECORD_TOO_LARGE naming the row: then nothing of the batch is written */
  constructor(batch: ProducerBatch, options: BatchSendOptions) {
    check('producer.sendBatch()', 'batch', batch, newBatch)
    const given = options.interceptors === undefined ? columnsOf(batch, options.now) : intercepted(batch, options.interceptors, options.now)
    const headers = given.headers?.map((own) => (own === undefined ? undefined : headersOf(batch.topic, own)))
    const columns = { ...given, headers }
    this.topic = batch.topic
    this.bytes = checkRows(batch.topic, columns, options.maxRequestSize)
    this.#options = options
    this.#columns = columns
    this.#partition = batch.partition
    this.#receipt = new Receipt(columns.values.length)
    this.#next = 0
  }

  get written(): Promise<WrittenRange[]> {
    return this.#receipt.written
  }

  append(): boolean {
    const { accumulator, partitions, now } = this.#options
    const { values, keys, timestamps, headers } = this.#columns
    while (this.#next < values.length) {
      if (accumulator.full) return false
      const row = this.#next
      const key = keys === undefined ? null : keyBytes(this.topic, keys[row])
      const value = valueBytes(this.topic, values[row]!)
      const timestamp = timestamps === undefined ? now : timestamps[row]!
      const own = headers?.[row]
      const partition = this.#partition ?? partitions.choose(this.topic, key, recordSizeMax(key?.length ?? 0, value?.length ?? 0, own))
      this.#receipt.took(accumulator.append(this.topic, partition, key, value, timestamp, own), timestamp)
      this.#next++
    }
    return true
  }

  reject(error: Error): void {
    this.#receipt.fail(error)
  }
}

function columnsOf(batch: ProducerBatch, now: number): GivenColumns {
  if ('records' in batch) return transposed(batch.topic, [...batch.records], now)
  const { values, keys, timestamps, headers, topic } = batch
  for (const [name, column] of Object.entries({ keys, timestamps, headers })) {
    if (column === undefined || column.length === values.length) continue
    throw new MoldauError('INVALID_ARGUMENT', `sendBatch to '${topic}': ${name} has ${column.length} rows, values has ${values.length}`)
  }
  return { values, keys, timestamps, headers }
}

/** Interceptors see records one by one. The topic and the partition of the batch stay what they are. */
function intercepted(batch: ProducerBatch, interceptors: ProducerInterceptors, now: number): GivenColumns {
  const { values, keys, timestamps, headers } = columnsOf(batch, now)
  const { topic, partition } = batch
  const rows = values.map((value, row) => ({
    topic,
    ...(partition !== undefined && { partition }),
    key: keys?.[row] ?? null,
    value,
    timestamp: timestamps?.[row] ?? now,
    ...(headers?.[row] !== undefined && { headers: headers[row] }),
  }))
  return transposed(
    topic,
    rows.map((row) => interceptors.send(row)),
    now,
  )
}

function transposed(topic: string, rows: readonly ProducerRow[], now: number): GivenColumns {
  const none = rows.findIndex((row) => typeof row !== 'object' || row === null)
  if (none >= 0) {
    throw new MoldauError('INVALID_ARGUMENT', `sendBatch to '${topic}': row ${none} must be { key, value }, not ${shown(rows[none])}`)
  }
  return {
    values: rows.map((row) => row.value),
    keys: rows.map((row) => row.key ?? null),
    timestamps: rows.map((row) => row.timestamp ?? now),
    headers: rows.some((row) => row.headers !== undefined) ? rows.map((row) => row.headers) : undefined,
  }
}

/** @returns bytes of all rows, at most */
function checkRows(topic: string, { values, keys, timestamps, headers }: Columns, maxRequestSize: number): number {
  let bytes = 0
  for (let row = 0; row < values.length; row++) {
    const timestamp = timestamps?.[row]
    if (timestamp !== undefined && (!Number.isSafeInteger(timestamp) || timestamp < -1)) {
      const message = `sendBatch to '${topic}': timestamp ${timestamp} of row ${row} is not milliseconds since 1970 (a whole number, or -1 for none)`
      throw new MoldauError('INVALID_ARGUMENT', message)
    }
    const keyLength = lengthOf(topic, `key of row ${row}`, keys?.[row] ?? null)
    const size = recordSizeMax(keyLength, lengthOf(topic, `value of row ${row}`, values[row]), headers?.[row])
    if (size + BATCH_OVERHEAD > maxRequestSize) {
      const message = `sendBatch to '${topic}': row ${row} takes ${size} bytes, a request may have ${maxRequestSize}: raise maxRequestSize and the topic's max.message.bytes`
      throw new MoldauError('RECORD_TOO_LARGE', message)
    }
    bytes += size
  }
  return bytes
}
