import { MoldauError } from '../core/base/errors.ts'
import type { Serde } from '../core/serde/serde.ts'

/** A serde whose values may be null: records without a key, tombstones. Made by {@link nullable}. */
export interface NullableSerde<T> extends Serde<T | null> {
  readonly nullable: true
}

/** A topic with the types of what is in it. Made by {@link topic}. */
export interface Topic<K, V> {
  readonly kind: 'topic'
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** Chooses the partition of a record that a pipeline writes; default: Kafka's murmur2 of the key. */
  partitioner?(key: K, value: V, partitions: number): number
}

export interface TopicOptions<K, V> {
  key: Serde<K>
  value: Serde<V>
  partitioner?(key: K, value: V, partitions: number): number
}

/** Legal topic names of Kafka; operators, pipelines and stores end up in topic names too. */
const LEGAL_NAME = /^[a-zA-Z0-9._-]{1,249}$/

/**
 * Declares a topic: its name and the types of its records.
 *
 * ```ts
 * const flights = topic('flights', { key: string, value: avro(FlightSchema) })
 * ```
 *
 * A record whose key or value is null does not fit a plain serde and fails the pipeline by name; where nulls are meant (records
 * without a key, tombstones) wrap the serde in {@link nullable}.
 *
 * @throws PIPELINE_INVALID when Kafka does not allow the name
 */
export function topic<K, V>(name: string, options: TopicOptions<K, V>): Topic<K, V> {
  checkName('topic', name)
  // The options may be another topic: then this one has its types.
  return { ...options, kind: 'topic', name }
}

/** The same serde for values that may be null; the type says so to everything downstream. */
export function nullable<T>(serde: Serde<T>): NullableSerde<T> {
  return {
    name: `nullable ${serde.name}`,
    nullable: true,
    serialize: (value) => serde.serialize(value as T),
    deserialize: (buffer, start, end) => serde.deserialize(buffer, start, end),
  }
}

export function isNullable(serde: object): boolean {
  return 'nullable' in serde && serde.nullable === true
}

/** @throws PIPELINE_INVALID when the name cannot be part of a topic's name */
export function checkName(what: string, name: string): void {
  if (!LEGAL_NAME.test(name) || name === '.' || name === '..') {
    throw new MoldauError('PIPELINE_INVALID', `${what} '${name}': a name has 1 to 249 letters, digits, '.', '_' or '-'`)
  }
}
