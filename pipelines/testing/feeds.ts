import type { Source } from '../../connectors/types.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { type Header, noHeaders } from '../../core/record/header.ts'
import { type Duration, milliseconds } from '../duration.ts'
import { type AnyTopic, isTopic } from '../nodes.ts'
import type { Topic } from '../topic.ts'
import { serializer } from '../topic-sink.ts'
import type { Appended } from './memory-log.ts'
import { parseMarbles, type Scale } from './marbles.ts'

/** A record that goes into a topic. */
export interface InputRecord<K, V> {
  readonly key: K
  readonly value: V
  /** Event time in milliseconds since 1970; default: the kit's clock. */
  readonly timestamp?: number
  readonly headers?: readonly Header[]
  /** Default: the topic's partitioner, else Kafka's murmur2 of the key. */
  readonly partition?: number
}

/** A record that a letter of a diagram stands for; its time is where the letter is. */
export type MarbleRecord<K, V> = Omit<InputRecord<K, V>, 'timestamp'>

export interface MarbleOptions {
  /** What one character stands for; default: that of the kit. */
  frame?: Duration
  /** Event time of the first frame, in milliseconds since 1970; default: that of the kit. */
  start?: number
  /** The partition that all of it goes to. */
  partition?: number
}

/** What happens to the pipeline next. */
export type Arrival =
  | { readonly kind: 'record'; readonly time: number; readonly record: Omit<Appended, 'partition'>; readonly partition: PartitionOf }
  | { readonly kind: 'item'; readonly time: number; readonly source: Source<unknown>; readonly item: unknown }
  | { readonly kind: 'crash'; readonly time: number }

/** Chooses among so many partitions. */
type PartitionOf = (partitions: number, keyed: (key: Buffer | null) => number) => number

/** What the kit knows that a feed does not say. */
export interface FeedContext extends Scale {
  /** The time of its clock. */
  readonly now: number
}

/** Input of one topic or source, for `pipe`. Made by {@link records} and {@link marbles}. */
export interface Feed {
  /** Not for users: in the order in which it comes, and whether the input ends with it. */
  arrivals(context: FeedContext): { readonly list: readonly Arrival[]; readonly ended: boolean }
}

/**
 * Records for a topic, or items for a source, in this order.
 *
 * ```ts
 * await kit.pipe(records(orders, [{ key: 'k', value: 1 }]), records(customers, [{ key: 'k', value: 'Anna' }]))
 * ```
 */
export function records<K, V>(topic: Topic<K, V>, list: readonly InputRecord<K, V>[]): Feed
export function records<T>(source: Source<T>, items: readonly T[]): Feed
export function records(to: object, list: readonly unknown[]): Feed {
  return {
    arrivals({ now }) {
      const toArrival = isTopic(to) ? intoTopic(to, now) : intoSource(to as Source<unknown>, now)
      return { list: list.map(toArrival), ended: false }
    },
  }
}

/**
 * A diagram of records over event time: RxJS's marbles, where a frame is `frame` of event time and not of waiting. `#` is a crash of the
 * process, in the middle of its epoch; `|` the end of the input: time goes to its end, the last windows close.
 *
 * ```ts
 * marbles(flights, 'a--b 1h c|', { a: { key: 'LH1', value: 3 }, b: …, c: … }, { frame: '1m' })
 * marbles(flights, 'a--b 1h c|', { a: 3, b: 5, c: 1 }, { key: 'LH1' })
 * ```
 *
 * @param values what each letter stands for: a record, or with `key` a value
 * @throws INVALID_ARGUMENT, when it is piped, naming the character
 */
export function marbles<K, V>(
  topic: Topic<K, V>,
  diagram: string,
  values: Readonly<Record<string, MarbleRecord<K, V>>>,
  options?: MarbleOptions,
): Feed
export function marbles<K, V>(
  topic: Topic<K, V>,
  diagram: string,
  values: Readonly<Record<string, V>>,
  options: MarbleOptions & { key: K },
): Feed
export function marbles(
  topic: object,
  diagram: string,
  values: Readonly<Record<string, unknown>>,
  options: MarbleOptions & { key?: unknown } = {},
): Feed {
  return {
    arrivals(context) {
      const { start = context.start, partition } = options
      const frame = options.frame === undefined ? context.frame : milliseconds(options.frame, 'marbles: frame')
      const toArrival = intoTopic(topic as AnyTopic, context.now)
      const marks = parseMarbles(diagram, { start, frame })
      const list = marks.flatMap(({ kind, time, ...mark }): Arrival[] => {
        if (kind === 'end') return []
        if (kind === 'crash') return [{ kind, time }]
        const { symbol } = mark as { symbol: string }
        if (!Object.hasOwn(values, symbol)) throw unknownSymbol(diagram, symbol)
        const value = values[symbol]
        const record = 'key' in options ? { key: options.key, value } : (value as MarbleRecord<unknown, unknown>)
        return [toArrival({ ...(partition !== undefined && { partition }), ...record, timestamp: time })]
      })
      return { list, ended: marks.at(-1)?.kind === 'end' }
    },
  }
}

function intoTopic(topic: AnyTopic, now: number): (given: unknown) => Arrival {
  const [key, value] = [serializer(topic.key, 'key', topic.name), serializer(topic.value, 'value', topic.name)]
  return (given) => {
    const record = given as InputRecord<unknown, unknown>
    const { timestamp = now, headers = noHeaders, partition } = record
    const bytes = { topic: topic.name, key: key(record.key), value: value(record.value), timestamp, headers }
    return {
      kind: 'record',
      time: timestamp,
      record: bytes,
      partition(partitions, keyed) {
        const chosen = partition ?? topic.partitioner?.(record.key, record.value, partitions) ?? keyed(bytes.key)
        if (Number.isInteger(chosen) && chosen >= 0 && chosen < partitions) return chosen
        throw new MoldauError(
          'INVALID_ARGUMENT',
          `topic '${topic.name}' has ${partitions} partitions, there is no ${chosen}; give testPipeline the option partitions`,
        )
      },
    }
  }
}

function intoSource(source: Source<unknown>, now: number): (item: unknown) => Arrival {
  return (item) => {
    const own = (item as { timestamp?: unknown } | null)?.timestamp
    return { kind: 'item', time: typeof own === 'number' ? own : now, source, item }
  }
}

/** All of it in one order: whose time is the least comes first, of each feed in its own order. */
export function inOrder(feeds: readonly (readonly Arrival[])[]): Arrival[] {
  const next = feeds.map(() => 0)
  const merged: Arrival[] = []
  for (;;) {
    let first: number | undefined
    for (const [i, list] of feeds.entries()) {
      const head = list[next[i]!]
      if (head !== undefined && (first === undefined || head.time < feeds[first]![next[first]!]!.time)) first = i
    }
    if (first === undefined) return merged
    merged.push(feeds[first]![next[first]!]!)
    next[first]!++
  }
}

function unknownSymbol(diagram: string, symbol: string): MoldauError {
  return new MoldauError('INVALID_ARGUMENT', `marbles '${diagram}': '${symbol}' stands for nothing; add it to the values`)
}
