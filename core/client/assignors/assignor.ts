import type { TopicPartition } from '../../cluster/topic-partition.ts'

/** A member of a group, as its subscription tells of it. */
export interface AssignedMember {
  memberId: string
  groupInstanceId: string | null
  topics: readonly string[]
  /** What it still owns: nothing when it gives everything up before it joins. */
  ownedPartitions: readonly TopicPartition[]
  /** In which generation of the group it came to own them; -1 when it does not tell. */
  generation: number
  /** Where it runs, to be compared with the racks of replicas (KIP-881). */
  rackId: string | null
  /** What the assignor of the same name has sent along: see {@link Assignor.userData}. */
  userData: Buffer | null
}

/** A topic that exists: at position p the racks of the replicas of partition p, as far as they are known. */
export type PartitionRacks = readonly (readonly string[])[]

/** The topics that members want and that exist. */
export type GroupTopics = ReadonlyMap<string, PartitionRacks>

/** Member id to partitions. */
export interface Assignment extends Map<string, TopicPartition[]> {
  /** What members are told along with their partitions, by member id; Kafka's `ConsumerPartitionAssignor.Assignment` has it, too. */
  userData?: ReadonlyMap<string, Buffer>
}

/** What a member has been given by the leader's assignor. */
export interface GivenAssignment extends LastAssignment {
  /** What {@link Assignment.userData} has for it. */
  readonly userData: Buffer | null
}

/** What a member got the last time, and in which generation. */
export interface LastAssignment {
  readonly partitions: readonly TopicPartition[]
  readonly generation: number
}

/**
 * Says which member of a group gets which partitions: the leader of the group asks it (Kafka's `ConsumerPartitionAssignor`). All members of a
 * group must know one of the same name.
 *
 * ```ts
 * const firstComes: Assignor = {
 *   name: 'first-comes',
 *   assign: ([first, ...others], topics) => {
 *     const all = [...topics].flatMap(([topic, { length }]) => Array.from({ length }, (_, partition) => ({ topic, partition })))
 *     return new Map([[first!.memberId, all], ...others.map(({ memberId }): [string, typeof all] => [memberId, []])])
 *   },
 * }
 * client.consumer({ groupId: 'g', partitionAssignmentStrategy: [firstComes, 'range'] })
 * ```
 */
export interface Assignor {
  readonly name: string
  /**
   * Whether members may keep what they own while they join again (KIP-429); default false. A partition that another member still owns is
   * then held back by itself until that member has given it up. A consumer does so when all its assignors can.
   */
  readonly cooperative?: boolean
  /**
   * A pure function: every partition to one member that wants its topic. Members whom it does not name get nothing. With
   * {@link Assignment.userData} it tells them more than that.
   */
  assign(members: readonly AssignedMember[], topics: GroupTopics): Assignment
  /** What each member tells the assignor of the leader when it joins. @param last undefined before the first assignment */
  userData?(last: LastAssignment | undefined): Buffer | null
  /** This member has been given something, and hears of it before its listener is told of partitions. */
  onAssignment?(given: GivenAssignment): void
}

/** Static members first, by their instance id, which survives a restart; the others by member id. */
export function inOrder(members: readonly AssignedMember[]): AssignedMember[] {
  return members.toSorted((a, b) => {
    if (a.groupInstanceId !== null && b.groupInstanceId !== null) return compare(a.groupInstanceId, b.groupInstanceId)
    if (a.groupInstanceId !== null) return -1
    if (b.groupInstanceId !== null) return 1
    return compare(a.memberId, b.memberId)
  })
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
