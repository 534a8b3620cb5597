import type { TopicPartition } from '../../core/client/types.ts'
import { flag, listOf, number, record, text } from './read-json.ts'

/**
 * What the workers of a pipeline tell each other through their consumer group, in the user data of subscriptions and assignments, as JSON:
 * Kafka Streams' SubscriptionInfo and AssignmentInfo. Tasks are named by topics, which are the same in all processes, whatever the order of
 * their code. Newer versions only add fields.
 */

/** Partitions by topic. */
export type Folded = readonly { readonly topic: string; readonly partitions: readonly number[] }[]

export interface PipelineSubscription {
  /** Workers with the same one die together. */
  readonly process: string
  /** Changes with every subscription: the coordinator passes over a follower that says the same as before. */
  readonly unique: number
  /** Of everything that does not change while the worker runs. */
  readonly digest: string
  /** Where others can ask for what is in its stores: `host:port`; empty: nowhere. */
  readonly endpoint: string
  readonly standbys: number
  readonly acceptableRecoveryLag: number
  readonly maxWarmups: number
  /** Topics that are read together. */
  readonly parts: readonly { readonly topics: readonly string[]; readonly stateful: boolean }[]
  /** What it had before, and in which generation of the group. */
  readonly previous: Folded
  readonly generation: number
  /** State that it has: of the task that reads this partition. Offsets are sums over the task's changelogs. */
  readonly copies: readonly (TopicPartition & { readonly offset: number; readonly end: number })[]
}

export interface PipelineAssignment {
  /** What the leader has looked at: {@link PipelineSubscription.digest}. */
  readonly digest: string
  /** Tasks that the member is to keep copies of, named by any topic that they read. */
  readonly standbys: readonly (TopicPartition & { readonly warmup: boolean })[]
  /** Who works on what, and who has copies. */
  readonly members: readonly { readonly endpoint: string; readonly active: Folded; readonly standby: Folded }[]
}

const folded = listOf(record({ topic: text, partitions: listOf(number) }))

const subscription = record({
  process: text,
  unique: number,
  digest: text,
  endpoint: text,
  standbys: number,
  acceptableRecoveryLag: number,
  maxWarmups: number,
  parts: listOf(record({ topics: listOf(text), stateful: flag })),
  previous: folded,
  generation: number,
  copies: listOf(record({ topic: text, partition: number, offset: number, end: number })),
})

const assignment = record({
  digest: text,
  standbys: listOf(record({ topic: text, partition: number, warmup: flag })),
  members: listOf(record({ endpoint: text, active: folded, standby: folded })),
})

export function writeMessage(message: PipelineSubscription | PipelineAssignment): Buffer {
  return Buffer.from(JSON.stringify(message))
}

/** undefined of a member that says nothing that can be read: it is assigned partitions as any, and nothing more. */
export function readSubscription(userData: Buffer | null): PipelineSubscription | undefined {
  return read(userData, subscription)
}

export function readAssignment(userData: Buffer | null): PipelineAssignment | undefined {
  return read(userData, assignment)
}

function read<T>(userData: Buffer | null, reader: (value: unknown) => T): T | undefined {
  if (userData === null) return undefined
  try {
    return reader(JSON.parse(userData.toString()))
  } catch {
    return undefined
  }
}

export function fold(partitions: readonly TopicPartition[]): Folded {
  const byTopic = Map.groupBy(partitions, ({ topic }) => topic)
  return [...byTopic].map(([topic, list]) => ({ topic, partitions: list.map(({ partition }) => partition) }))
}

export function unfold(list: Folded): TopicPartition[] {
  return list.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })))
}
