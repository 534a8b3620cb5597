import { MoldauError } from '../core/base/errors.ts'
import type { Header } from '../core/record/header.ts'
import type { Appender } from './appender.ts'

/**
 * Chooses where a record goes, of so many partitions: one of them; several (none: the record is not written); undefined: where Kafka's murmur2 of
 * the key says. Kafka Streams' `StreamPartitioner` (KIP-837).
 */
export type Partitioner<K, V> = (key: K, value: V, partitions: number) => number | readonly number[] | undefined

/** As the runner calls it: the declaration's types were checked by the compiler. */
export type AnyPartitioner = Partitioner<never, never>

/** Appends a record where it belongs. */
export type Placing = (
  record: { readonly key: unknown; readonly value: unknown },
  key: Buffer | null,
  value: Buffer | null,
  timestamp: number,
  headers: readonly Header[],
) => void

/** @throws INVALID_ARGUMENT, when a record is appended, when the partitioner chooses a partition that there is not */
export function placing(topic: string, appender: Appender, given: AnyPartitioner | undefined): Placing {
  const byKey: Placing = (_record, key, value, timestamp, headers) =>
    appender.append(topic, appender.partitionFor(topic, key), key, value, timestamp, headers)
  if (given === undefined) return byKey
  const partitioner = given as Partitioner<unknown, unknown>
  return (record, key, value, timestamp, headers) => {
    const count = appender.partitions(topic)
    const chosen = partitioner(record.key, record.value, count)
    if (chosen === undefined) return byKey(record, key, value, timestamp, headers)
    for (const partition of typeof chosen === 'number' ? [chosen] : chosen) {
      if (!Number.isInteger(partition) || partition < 0 || partition >= count) throw noPartition(topic, partition, count)
      appender.append(topic, partition, key, value, timestamp, headers)
    }
  }
}

function noPartition(topic: string, partition: number, count: number): MoldauError {
  return new MoldauError(
    'INVALID_ARGUMENT',
    `the partitioner chose ${String(partition)} for a record of topic '${topic}', which has ${count} partitions: choose one of 0 to ${count - 1}`,
  )
}
