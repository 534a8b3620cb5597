import type { TopicPartition } from '../../core/client/types.ts'
import { array, bool, int32, int64, message, string } from '../../core/protocol/schema.ts'
import { decodeVersioned, encodeVersioned } from '../../core/protocol/versioned.ts'
import type { Infer } from '../../core/protocol/schema.ts'

/**
 * What the workers of a pipeline tell each other through their consumer group, in the user data of subscriptions and assignments: Kafka
 * Streams' SubscriptionInfo and AssignmentInfo. Tasks are named by topics, which are the same in all processes, whatever the order of their code.
 */

const partitionsOf = array({ topic: string(), partitions: array(int32()) })

const PipelineSubscription = message('PipelineSubscription', '0', 'none', {
  /** Workers with the same one die together. */
  process: string(),
  /** Changes with every subscription: the coordinator passes over a follower that says the same as before. */
  unique: int32(),
  /** Of everything that does not change while the worker runs. */
  digest: string(),
  /** Where others can ask for what is in its stores: `host:port`; empty: nowhere. */
  endpoint: string(),
  standbys: int32(),
  acceptableRecoveryLag: int64(),
  maxWarmups: int32(),
  parts: array({ topics: array(string()), stateful: bool() }),
  /** What it had before, and in which generation of the group. */
  previous: partitionsOf,
  generation: int32(),
  /** State that it has: of a task that reads this topic. Offsets are sums over the task's changelogs. */
  copies: array({ topic: string(), partition: int32(), offset: int64(), end: int64() }),
})
export type PipelineSubscription = Infer<typeof PipelineSubscription>

const PipelineAssignment = message('PipelineAssignment', '0', 'none', {
  /** What the leader has looked at: {@link PipelineSubscription.digest}. */
  digest: string(),
  /** Tasks that the member is to keep copies of, named by any topic that they read. */
  standbys: array({ topic: string(), partition: int32(), warmup: bool() }),
  /** Who works on what, and who has copies. */
  members: array({ endpoint: string(), active: partitionsOf, standby: partitionsOf }),
})
export type PipelineAssignment = Infer<typeof PipelineAssignment>

export function writeSubscription(subscription: PipelineSubscription): Buffer {
  return encodeVersioned(PipelineSubscription, 0, subscription)
}

/** undefined of a member that says nothing that can be read: it is assigned partitions as any, and nothing more. */
export function readSubscription(userData: Buffer | null): PipelineSubscription | undefined {
  return userData === null ? undefined : readable(() => decodeVersioned(PipelineSubscription, userData, 'as newest'))
}

export function writeAssignment(assignment: PipelineAssignment): Buffer {
  return encodeVersioned(PipelineAssignment, 0, assignment)
}

export function readAssignment(userData: Buffer | null): PipelineAssignment | undefined {
  return userData === null ? undefined : readable(() => decodeVersioned(PipelineAssignment, userData, 'as newest'))
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

export function unfold(list: readonly { readonly topic: string; readonly partitions: readonly number[] }[]): TopicPartition[] {
  return list.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })))
}
