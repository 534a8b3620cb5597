import { MoldauError } from '../core/base/errors.ts'
import type { Appender } from './appender.ts'
import { writeFailed } from './failure.ts'
import type { AnySerde, AnyTopic } from './nodes.ts'
import { headersOf, type OutputRecord, timestampOf } from './record.ts'
import { type Emit, placeOf, type StageContext } from './stages/stage.ts'
import { isNullable } from './topic.ts'

/** The end of a task that writes to a topic: serialises, chooses the partition, appends to the transaction. */
export function topicSink(topic: AnyTopic, appender: Appender, context: StageContext): Emit {
  const place = placeOf(context, `to '${topic.name}'`)
  const key = serializer(topic.key, 'key', topic.name)
  const value = serializer(topic.value, 'value', topic.name)
  return (item, origin) => {
    try {
      if (typeof item !== 'object' || item === null) throw notARecord(item, topic.name)
      const record = item as OutputRecord<unknown, unknown>
      const keyBytes = key(record.key)
      const partition =
        topic.partitioner === undefined
          ? appender.partitionFor(topic.name, keyBytes)
          : topic.partitioner(record.key, record.value, appender.partitions(topic.name))
      appender.append(topic.name, partition, keyBytes, value(record.value), timestampOf(item, origin), headersOf(item))
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
