import { MoldauError } from '../core/base/errors.ts'
import type { Appender } from './appender.ts'
import { writeFailed } from './failure.ts'
import type { AnySerde, AnyTopic } from './nodes.ts'
import { type AnyPartitioner, placing } from './partitioning.ts'
import { headersOf, type OutputRecord, timestampOf } from './record.ts'
import { type Emit, placeOf, type StageContext } from './stages/stage.ts'
import { isNullable } from './topic.ts'

export interface TopicSinkOptions {
  /** Names the end in messages; default: by the topic. */
  readonly label?: string
  /** Beats that of the topic. */
  readonly partitioner: AnyPartitioner | undefined
}

/** The end of a task that writes to a topic: serialises, chooses the partition, appends to the transaction. */
export function topicSink(topic: AnyTopic, appender: Appender, context: StageContext, options: TopicSinkOptions): Emit {
  const { label = `to '${topic.name}'`, partitioner = topic.partitioner?.bind(topic) } = options
  const place = placeOf(context, label)
  const append = placing(topic.name, appender, partitioner)
  const key = serializer(topic.key, 'key', topic.name)
  const value = serializer(topic.value, 'value', topic.name)
  return (item, origin) => {
    try {
      if (typeof item !== 'object' || item === null) throw notARecord(item, topic.name)
      const record = item as OutputRecord<unknown, unknown>
      const keyBytes = key(record.key)
      append(record, keyBytes, value(record.value), timestampOf(item, origin), headersOf(item))
    } catch (error) {
      throw writeFailed(place, origin, error)
    }
    context.counters.out++
  }
}

/** A serde's serialize that knows whether null may be written. */
export function serializer(serde: AnySerde, what: 'key' | 'value', topic: string): (value: unknown) => Buffer | null {
  const nulls = isNullable(serde)
  return (value) => {
    if (value !== null && value !== undefined) return serde.serialize(value)
    if (nulls && value === null) return null
    throw new MoldauError(
      'SERDE_FAILED',
      `the ${what} is ${String(value)}, topic '${topic}' takes ${serde.name}; allow nulls with nullable(…)`,
    )
  }
}

function notARecord(item: unknown, topic: string): MoldauError {
  return new MoldauError('SERDE_FAILED', `topic '${topic}' takes records { key, value }, not a ${typeof item}`)
}
