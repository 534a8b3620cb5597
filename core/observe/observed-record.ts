import type { Subscriber } from 'rxjs'
import { ConsumerRecord } from '../client/consumer-records.ts'
import type { RecordSerdes } from '../client/consumer-records.ts'
import type { ConsumerBatch } from '../client/types.ts'
import { bytes } from '../serde/primitives.ts'
import type { Serde } from '../serde/serde.ts'
import type { HandOut } from './batch-reading.ts'

/** One record of `records$`: key and value are read when they are asked for. */
export class ObservedRecord<K, V> extends ConsumerRecord<K, V> {
  readonly #credit: { left: number; readonly done: () => void }
  #isDone: boolean

  constructor(
    batch: ConsumerBatch,
    index: number,
    serdes: { readonly key: Serde<K>; readonly value: Serde<V> },
    credit: { left: number; readonly done: () => void },
  ) {
    super(batch, index, serdes)
    this.#credit = credit
    this.#isDone = false
  }

  /** Says that the record is dealt with: with the last one of a batch its credit comes back. Calling it again does nothing. */
  done(): void {
    if (this.#isDone) return
    this.#isDone = true
    if (--this.#credit.left === 0) this.#credit.done()
  }
}

/** Hands out the records of a batch one by one, no further than the subscriber listens. */
export function oneByOne<K, V>(serdes: RecordSerdes<K, V>): HandOut<ObservedRecord<K, V>> {
  const both = { key: serdes.key ?? (bytes as unknown as Serde<K>), value: serdes.value ?? (bytes as unknown as Serde<V>) }
  return (batch: ConsumerBatch, done: () => void, subscriber: Subscriber<ObservedRecord<K, V>>) => {
    const { from, count, columns } = batch
    const credit = { left: count, done }
    for (let i = from; i < from + count; i++) {
      if (subscriber.closed) return columns.offset(i)
      subscriber.next(new ObservedRecord(batch, i, both, credit))
    }
    return undefined
  }
}
