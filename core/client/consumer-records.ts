import { messageOf, MoldauError } from '../base/errors.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import { bytes } from '../serde/primitives.ts'
import type { Serde } from '../serde/serde.ts'
import type { ConsumerBatch, GroupMetadata, Header, TopicPartition } from './types.ts'

/** How keys and values are read; what is left out comes as a view of the batch's bytes. */
export interface RecordSerdes<K, V> {
  readonly key?: Serde<K>
  readonly value?: Serde<V>
}

/** One record, read when it is asked: a record that is only counted costs no more than this object. */
export class ConsumerRecord<K = Buffer, V = Buffer> implements TopicPartition {
  readonly #batch: ConsumerBatch
  readonly #index: number
  readonly #serdes: { readonly key: Serde<K>; readonly value: Serde<V> }

  /** Made by {@link records}. */
  constructor(batch: ConsumerBatch, index: number, serdes: { readonly key: Serde<K>; readonly value: Serde<V> }) {
    this.#batch = batch
    this.#index = index
    this.#serdes = serdes
  }

  get topic(): string {
    return this.#batch.topic
  }

  /** See {@link ConsumerBatch.topicId}. */
  get topicId(): string {
    return this.#batch.topicId
  }

  get partition(): number {
    return this.#batch.partition
  }

  get offset(): number {
    return this.#batch.columns.offset(this.#index)
  }

  /** The offset after this record: what is committed when it is done. */
  get nextOffset(): number {
    return this.offset + 1
  }

  get leaderEpoch(): number {
    return this.#batch.leaderEpoch
  }

  /** Who the consumer was when it handed the record out. See {@link ConsumerBatch.group}. */
  get group(): GroupMetadata | null {
    return this.#batch.group
  }

  /** Milliseconds since 1970; -1 for none. */
  get timestamp(): number {
    return this.#batch.columns.timestamp(this.#index)
  }

  /** Read anew at each call. @throws MoldauError SERDE_FAILED naming the record */
  get key(): K | null {
    const { keyStart, keyLength } = this.#batch.columns
    return this.#read('key', this.#serdes.key, keyStart[this.#index]!, keyLength[this.#index]!)
  }

  /** Read anew at each call. @throws MoldauError SERDE_FAILED naming the record */
  get value(): V | null {
    const { valueStart, valueLength } = this.#batch.columns
    return this.#read('value', this.#serdes.value, valueStart[this.#index]!, valueLength[this.#index]!)
  }

  get headers(): Header[] {
    return this.#batch.columns.headers(this.#index)
  }

  #read<T>(what: string, serde: Serde<T>, start: number, length: number): T | null {
    if (length < 0) return null
    try {
      return serde.deserialize(this.#batch.columns.buffer, start, start + length)
    } catch (cause) {
      const message = `the ${what} of the record at offset ${this.offset} of ${tpKey(this)} is not ${serde.name}: ${messageOf(cause)}`
      throw new MoldauError('SERDE_FAILED', message, { cause })
    }
  }
}

/**
 * The records of a batch, one by one. Where every microsecond counts read {@link ConsumerBatch.columns} instead.
 *
 * ```ts
 * for await (const batch of consumer) {
 *   for (const { key, value } of records(batch, { key: string, value: json<Order>() })) work(key, value)
 * }
 * ```
 */
export function* records<K = Buffer, V = Buffer>(
  batch: ConsumerBatch,
  serdes: RecordSerdes<K, V> = {},
): Generator<ConsumerRecord<K, V>, void> {
  const both = { key: serdes.key ?? (bytes as unknown as Serde<K>), value: serdes.value ?? (bytes as unknown as Serde<V>) }
  for (let i = batch.from; i < batch.from + batch.count; i++) yield new ConsumerRecord(batch, i, both)
}
