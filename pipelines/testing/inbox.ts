import type { Source } from '../../connectors/types.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import { decodeBatch } from '../../core/record/columns.ts'
import { keyOf } from '../slices.ts'
import type { Task } from '../task.ts'
import type { Appended } from './memory-log.ts'

/** What a task reads next: a record of a topic, or an item of a source, with its place there. */
export type Entry =
  | { readonly kind: 'record'; readonly topic: string; readonly partition: number; readonly offset: number; readonly record: Appended }
  | {
      readonly kind: 'item'
      readonly topic: string
      readonly partition: 0
      readonly offset: number
      readonly timestamp: number
      readonly item: unknown
    }

/** Everything that was ever to be read, in the order in which it came, and how far it was read for good. */
export class Inbox {
  readonly #entries: Entry[]
  readonly #ends: Map<string, number>
  #position: number

  constructor() {
    this.#entries = []
    this.#ends = new Map()
    this.#position = 0
  }

  /** How much has come. */
  get length(): number {
    return this.#entries.length
  }

  /** How much of it was read. */
  get position(): number {
    return this.#position
  }

  add(record: Appended): void {
    const { topic, partition } = record
    this.#entries.push({ kind: 'record', topic, partition, offset: this.#next(topic, partition), record })
  }

  addItem({ name: topic }: Source<unknown>, item: unknown, timestamp: number): void {
    this.#entries.push({ kind: 'item', topic, partition: 0, offset: this.#next(topic, 0), timestamp, item })
  }

  /** The next entries, which stay unread. */
  peek(count: number): readonly Entry[] {
    return this.#entries.slice(this.#position, this.#position + count)
  }

  /** So many were read. */
  advance(count: number): void {
    this.#position += count
  }

  #next(topic: string, partition: number): number {
    const key = keyOf({ topic, partition })
    const offset = this.#ends.get(key) ?? 0
    this.#ends.set(key, offset + 1)
    return offset
  }
}

/** Feeds entries into their tasks: neighbours of one partition as one batch, as they would come from a broker. */
export function feed(entries: readonly Entry[], taskOf: (entry: Entry) => Task): void {
  for (let i = 0; i < entries.length;) {
    const first = entries[i]!
    if (first.kind === 'item') {
      taskOf(first).feedItem(first.item, first)
      i++
      continue
    }
    const { topic, partition } = first
    const builder = new BatchBuilder()
    for (let next = entries[i]; next?.kind === 'record' && next.topic === topic && next.partition === partition; next = entries[++i]) {
      const { timestamp, key, value, headers } = next.record
      builder.append(timestamp, key, value, headers)
    }
    const { count } = builder
    const columns = decodeBatch(builder.build({ baseOffset: first.offset }), 0)
    taskOf(first).feed({ topic, partition, columns, from: 0, count })
  }
}
