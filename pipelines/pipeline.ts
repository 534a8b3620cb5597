import type { Source } from '../connectors/types.ts'
import { type DeclaredErrors, isOnError, type OnError } from './errors/on-error.ts'
import { differentNames, invalid } from './failure.ts'
import type { AnySerde, AnyTopic, End, FromNode, Node } from './nodes.ts'
import type { TopicRecord } from './record.ts'
import type { Declaring } from './flow.ts'
import { GlobalTable } from './global-table.ts'
import { KeyedStream } from './keyed-stream.ts'
import { table } from './stages/table.ts'
import { Stream } from './stream.ts'
import { Table } from './table.ts'
import type { TableOptions } from './stream-types.ts'
import { checkName, isNullable, nullable, type Topic } from './topic.ts'

/** A declared pipeline, ready to be run. It holds no connection and may be run many times. */
export interface Pipeline {
  readonly kind: 'pipeline'
  readonly name: string
  readonly ends: readonly End[]
  readonly errors: DeclaredErrors & { readonly handlers: ReadonlyMap<Node, OnError> }
}

/** Whether a value, e.g. an export of a module, is a declared pipeline. */
export function isPipeline(value: unknown): value is Pipeline {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'pipeline' && 'ends' in value
}

/**
 * One pipeline of several ends: what they have in common is read and run once, and everything is committed together.
 *
 * ```ts
 * const { big, rest } = pipeline('orders').from(orders).branch({ big: (r) => r.value.total > 1000 })
 * export const sorted = together(big.to(bigOrders), rest.to(otherOrders))
 * ```
 *
 * @throws PIPELINE_INVALID when they do not begin with the same pipeline(name)
 */
export function together(first: Pipeline, ...others: readonly Pipeline[]): Pipeline {
  const stranger = others.find(({ name }) => name !== first.name)
  if (stranger !== undefined) throw differentNames('together(…)', first.name, stranger.name)
  const all = [first, ...others]
  const errors: Pipeline['errors'] = {
    onError: all.find((each) => each.errors.onError !== undefined)?.errors.onError,
    deadLetters: all.find((each) => each.errors.deadLetters !== undefined)?.errors.deadLetters,
    handlers: new Map(all.flatMap((each) => [...each.errors.handlers])),
  }
  return { kind: 'pipeline', name: first.name, errors, ends: all.flatMap(({ ends }) => ends) }
}

export interface PipelineOptions {
  /** What becomes of records that cannot be read, run or written; default: as {@link RunOptions.onError} says. */
  onError?: OnError
  /** Name of the topic of its dead letters; default: `<application>-<pipeline>-dead-letters`. */
  deadLetters?: string
}

/** The beginning of a declaration: where the records come from. */
export interface PipelineStart {
  /** Records of a topic; of several with the same types and the same number of partitions. */
  from<K, V>(topic: Topic<K, V>, ...more: readonly Topic<K, V>[]): Stream<TopicRecord<K, V>>
  /** Records of a source outside Kafka; its position is committed together with what is made of them. */
  from<T>(source: Source<T>): Stream<T>
  /**
   * The table that a topic is the changelog of: the latest value of each key; a record without a value deletes its key. Kafka Streams'
   * `StreamsBuilder.table`.
   */
  table<K, V>(topic: Topic<K, V>, options?: TableOptions<V>): Table<K, V>
  /**
   * A table that every process has whole, of a topic with any number of partitions: for joins by a key that is worked out of each record. It is read
   * to its end before anything runs, and followed from then on, outside of epochs and of event time: a record finds what is there when it
   * is run, also when it is run again. Kafka Streams' `StreamsBuilder.globalTable`.
   *
   * ```ts
   * const countries = start.globalTable(countriesTopic)
   * start.from(orders).join(countries, (r) => r.value.country, (order, country) => ({ ...order, tax: country.tax })).to(taxed)
   * ```
   */
  globalTable<K, V>(topic: Topic<K, V>): GlobalTable<K, NonNullable<V>>
}

/**
 * Begins the declaration of a pipeline.
 *
 * ```ts
 * export const delays = pipeline('delays')
 *   .from(flights)
 *   .pipe(filter((r) => r.value.delay > 15))
 *   .groupByKey()
 *   .window(tumbling('1h', { grace: '10m', emit: 'close' }))
 *   .count()
 *   .to(hourly)
 * ```
 *
 * @param name becomes part of the names of its consumer group, stores and topics: do not change it while state is to be kept
 * @param options what becomes of records that fail
 * @throws PIPELINE_INVALID when the name cannot be part of a topic's name, or an option is what it cannot be
 */
export function pipeline(name: string, options: PipelineOptions = {}): PipelineStart {
  checkName('pipeline', name)
  const declaring = declaringOf(name, errorsOf(name, options))
  return {
    from(...inputs: readonly unknown[]): Stream<never> {
      const topics = inputs.filter((input): input is AnyTopic => (input as AnyTopic | undefined)?.kind === 'topic')
      if (topics.length === inputs.length) return declaring.stream({ kind: 'from', topics, source: undefined })
      if (inputs.length > 1) throw invalid(name, 'from(…) takes one source, or topics of one type; not a mixture')
      return declaring.stream({ kind: 'from', topics: [], source: inputs[0] as Source<unknown> })
    },
    table<K, V>(topic: Topic<K, V>, options: TableOptions<V> = {}): Table<K, V> {
      const { name: store, state = topic.value } = options
      const from: FromNode = { kind: 'from', topics: [changelogged(topic)], source: undefined }
      return declaring.table({ kind: 'stage', inputs: [from], plan: table({ name: store, state: state as AnySerde }) })
    },
    globalTable: <K, V>(topic: Topic<K, V>) => new GlobalTable<K, NonNullable<V>>(name, topic as unknown as AnyTopic),
  }
}

function errorsOf(name: string, { onError, deadLetters }: PipelineOptions): DeclaredErrors {
  if (onError !== undefined && !isOnError(onError)) {
    throw invalid(name, `onError is 'fail', 'skip', 'dead-letter' or a function, not ${String(onError)}`)
  }
  if (deadLetters !== undefined) checkName(`pipeline "${name}", deadLetters`, deadLetters)
  return { onError, deadLetters }
}

function declaringOf(name: string, errors: DeclaredErrors): Declaring {
  const declaring: Declaring = {
    name,
    errors,
    handlers: new Map(),
    stream: (node) => new Stream(declaring, node),
    table: (node) => new Table(declaring, node),
    keyed: (node) => new KeyedStream(declaring, node),
  }
  return declaring
}

const changelogs = new WeakMap<object, AnyTopic>()

/** The topic with values that may be null; the same one each time, so that it is read once. */
function changelogged(topic: object): AnyTopic {
  const given = topic as AnyTopic
  if (isNullable(given.value)) return given
  let made = changelogs.get(topic)
  if (made === undefined) changelogs.set(topic, (made = { ...given, value: nullable(given.value) }))
  return made
}
