import type { Connectable } from '../cluster/address.ts'
import { check, having, is, listOf, optional, orNull, text, whole } from './checks.ts'
import type { Check } from './checks.ts'
import type { Done } from './committable.ts'
import { RawBatch } from './raw-batch.ts'
import type {
  GroupMetadata,
  OffsetSpec,
  OffsetToCommit,
  ProducerBatch,
  ProducerRecord,
  RebalanceListener,
  TopicPartition,
} from './types.ts'

/** What the calls of clients, producers and consumers take. See {@link check}. */

export const topicName = is('the name of a topic', (value) => typeof value === 'string' && value !== '')
const partitionFields: { readonly [K in keyof TopicPartition]: Check } = { topic: topicName, partition: whole(0) }
export const topicPartition = having<TopicPartition>(partitionFields)
export const topicPartitions = listOf(topicPartition)

const isTime = (value: unknown): boolean => Number.isFinite(value) && (value as number) >= 0

/** Numbers below 0 stand for the ends of a partition elsewhere. As positions they would mean whatever `autoOffsetReset` says. */
export const place = is("an offset from 0 on, 'earliest', 'latest', or { timestamp: milliseconds since 1970 }", (value) => {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0
  if (typeof value === 'object' && value !== null) return isTime((value as { timestamp?: unknown }).timestamp)
  return value === 'earliest' || value === 'latest'
})

/** What `assign()` takes. */
export const startingPlaces = listOf(having<TopicPartition & { offset?: OffsetSpec }>({ ...partitionFields, offset: optional(place) }))
export const timedPartitions = listOf(
  having<TopicPartition & { timestamp: number }>({ ...partitionFields, timestamp: is('milliseconds since 1970', isTime) }),
)

export const position = having<OffsetToCommit>({
  ...partitionFields,
  offset: whole(0),
  leaderEpoch: optional(whole(-1)),
  metadata: optional(text),
  topicId: optional(text),
})
export const positions = listOf(position)
const done = having<Pick<Done, 'topic' | 'partition' | 'nextOffset'>>({ ...partitionFields, nextOffset: whole(0) })
/** A position, or what was read. */
const committable: Check = {
  problem: (name, value) => ('nextOffset' in Object(value) ? done : position).problem(name, value),
}

/** One, or several. */
export const committables: Check = {
  problem: (name, value) => (Array.isArray(value) ? listOf(committable) : committable).problem(name, value),
}

/** Of whom `groupMetadata()` of a consumer tells. */
export const groupMetadata = having<GroupMetadata>({
  groupId: is('the name of a group', (value) => typeof value === 'string' && value !== ''),
  generation: whole(-1),
  memberId: text,
  groupInstanceId: orNull(text),
})

const topicNames = listOf(topicName)
export const subscription: Check = {
  problem: (name, value) =>
    value instanceof RegExp ? undefined : (typeof value === 'string' ? topicName : topicNames).problem(name, value),
}

const listenerMethod = optional(is('a function', (value) => typeof value === 'function'))
export const rebalanceListener = having<RebalanceListener>({
  onAssigned: listenerMethod,
  onRevoked: listenerMethod,
  onLost: listenerMethod,
})

const recordFields = having<Pick<ProducerRecord, 'topic' | 'partition' | 'value'>>({
  topic: topicName,
  partition: optional(whole(0)),
  value: is('given (null is a tombstone)', (value) => value !== undefined),
})
/** What other clients call messages would be left out without a word. */
const newRecord: Check = {
  problem: (name, value) =>
    Object.hasOwn(Object(value), 'messages')
      ? `${name} has 'messages': write one as { topic, key, value }, and many by sendBatch({ topic, records: messages })`
      : recordFields.problem(name, value),
}

/** For each record that is sent: costs next to nothing when it is as it should be. Key, value and headers are looked at when they become bytes. */
export function checkRecord(call: string, record: ProducerRecord): void {
  const { topic, partition, value } = Object(record) as ProducerRecord
  if (typeof topic !== 'string' || topic === '' || value === undefined || !Number.isInteger(partition ?? 0))
    check(call, 'record', record, newRecord)
}

const list = is('a list', Array.isArray)
const hasLength = (value: unknown): boolean => Number.isInteger((Object(value) as ArrayLike<unknown>).length)
const newColumns = having<Extract<ProducerBatch, { values: unknown }>>({
  topic: topicName,
  partition: optional(whole(0)),
  values: list,
  keys: optional(list),
  timestamps: optional(is('a list of milliseconds since 1970', hasLength)),
  headers: optional(list),
})
const newRows = having<Extract<ProducerBatch, { records: unknown }>>({
  topic: topicName,
  partition: optional(whole(0)),
  records: is('records to iterate', (value) => typeof (Object(value) as Iterable<unknown>)[Symbol.iterator] === 'function'),
})
/** Either columns or rows. The rows themselves are looked at one by one. */
export const newBatch: Check = {
  problem: (name, value) => {
    const given: object = Object(value)
    const other = ['messages', 'topicMessages'].find((field) => Object.hasOwn(given, field))
    if (other !== undefined) return `${name} has '${other}': name them records, of one topic a call`
    return ('records' in given ? newRows : newColumns).problem(name, value)
  },
}

export const rawBatch = is('a batch of pollRaw(), or a Buffer', (value) => value instanceof RawBatch || Buffer.isBuffer(value))

const isAddressed = (value: object): boolean => typeof (value as Connectable).bootstrap === 'string' && 'dialer' in value
/** Other clients take the addresses as an option. */
export const connectTarget = is(
  "an address ('kafka-1:9092'), a list of addresses, or a Broker, with the options in an object behind it",
  (value) =>
    Array.isArray(value) ? value.every((each) => typeof each === 'string') : typeof value === 'string' || isAddressed(Object(value)),
)

/** Infinity is fine. */
export const timeout = is('a number of milliseconds of at least 0', (value) => typeof value === 'number' && value >= 0)
export const options = is('an object', (value) => typeof value === 'object' && value !== null && !Array.isArray(value))
