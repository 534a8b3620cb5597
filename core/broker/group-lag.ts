import type { GroupMember, PartitionLag, Place } from './summaries.ts'

interface Committed extends Place {
  readonly offset: number
}

/**
 * How far a group is behind, by topic and partition: in what it has committed, and in what its members read without a commit yet.
 *
 * @param endOf the end of a partition, undefined when it cannot be told: then it is left out
 */
export function groupLag(
  members: readonly GroupMember[],
  committed: readonly Committed[],
  endOf: (topic: string, partition: number) => number | undefined,
): PartitionLag[] {
  const all = new Map<string, PartitionLag>()
  const add = (topic: string, partition: number, offset: number | null, memberId: string | null): void => {
    const end = endOf(topic, partition)
    if (end === undefined) return
    const lag = offset === null ? null : Math.max(0, end - offset)
    all.set(`${topic}-${partition}`, { topic, partition, committed: offset, end, lag, memberId })
  }
  for (const { topic, partition, offset } of committed) add(topic, partition, offset, null)
  for (const { memberId, assignment } of members) {
    for (const { topic, partition } of assignment) add(topic, partition, all.get(`${topic}-${partition}`)?.committed ?? null, memberId)
  }
  return [...all.values()].sort(byPlace)
}

/** Order of lists of partitions. */
export function byPlace(a: Place, b: Place): number {
  return a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1
}
