import { type Header, noHeaders } from '../core/record/header.ts'

/** Which record of the input something comes from: for messages and for the time of what is made of it. */
export interface Origin {
  readonly topic: string
  readonly partition: number
  /** -1 when it comes from a timer, not from a record. */
  readonly offset: number
  /** Event time in milliseconds since 1970. */
  readonly timestamp: number
}

/** A record as operators see it: decoded, with where it stands. */
export interface TopicRecord<K, V> extends Origin {
  readonly key: K
  readonly value: V
  readonly headers: readonly Header[]
}

/** What may be written to a topic. Without `timestamp` it takes the time of the record it was made from. */
export interface OutputRecord<K, V> {
  readonly key: K
  readonly value: V
  readonly timestamp?: number
  readonly headers?: readonly Header[]
}

/** One class for all records that come from topics and sources, so that operators see one hidden class. */
export class SourceRecord<K = unknown, V = unknown> implements TopicRecord<K, V> {
  readonly key: K
  readonly value: V
  readonly timestamp: number
  readonly headers: readonly Header[]
  readonly topic: string
  readonly partition: number
  readonly offset: number

  constructor(key: K, value: V, timestamp: number, headers: readonly Header[], topic: string, partition: number, offset: number) {
    this.key = key
    this.value = value
    this.timestamp = timestamp
    this.headers = headers
    this.topic = topic
    this.partition = partition
    this.offset = offset
  }
}

/** The record with another value, everything else as it was. */
export function withValue(record: { readonly value: unknown }, value: unknown): object {
  if (record instanceof SourceRecord) {
    return new SourceRecord(record.key, value, record.timestamp, record.headers, record.topic, record.partition, record.offset)
  }
  return { ...record, value }
}

/** The record with another key, everything else as it was. */
export function withKey(record: { readonly key: unknown }, key: unknown): object {
  if (record instanceof SourceRecord) {
    return new SourceRecord(key, record.value, record.timestamp, record.headers, record.topic, record.partition, record.offset)
  }
  return { ...record, key }
}

/** The event time of what an operator returned: its own, else that of the record it was made from. */
export function timestampOf(item: unknown, origin: Origin): number {
  const own = (item as { timestamp?: unknown } | null | undefined)?.timestamp
  return typeof own === 'number' ? own : origin.timestamp
}

export function headersOf(item: object): readonly Header[] {
  return 'headers' in item && Array.isArray(item.headers) ? (item.headers as Header[]) : noHeaders
}

/** `flights-3@1712`, as messages name a record. */
export function nameOf(origin: Origin): string {
  return origin.offset < 0 ? `a timer of ${origin.topic}-${origin.partition}` : `${origin.topic}-${origin.partition}@${origin.offset}`
}
