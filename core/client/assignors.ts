import type { TopicPartition } from '../cluster/topic-partition.ts'

export interface AssignedMember {
  memberId: string
  groupInstanceId: string | null
  topics: readonly string[]
}

/** Member id to partitions. */
export type Assignment = Map<string, TopicPartition[]>

/** Partitions of each topic that exists. */
export type PartitionCounts = ReadonlyMap<string, number>

export const assignors = { range, roundrobin } as const

export type AssignorName = keyof typeof assignors

/**
 * Each topic by itself: its partitions in order, in ranges as equal as can be, the larger ones to the first members
 * (`org.apache.kafka.clients.consumer.RangeAssignor`). Partition p of two topics with the same count goes to the same member.
 */
export function range(members: readonly AssignedMember[], counts: PartitionCounts): Assignment {
  const sorted = members.toSorted(compareMembers)
  const assignment = emptyAssignment(sorted)
  for (const [topic, count] of counts) {
    const takers = sorted.filter((member) => member.topics.includes(topic))
    if (takers.length === 0) continue
    const least = Math.floor(count / takers.length)
    const extra = count % takers.length
    let partition = 0
    for (const [i, { memberId }] of takers.entries()) {
      const list = assignment.get(memberId)!
      for (let n = least + (i < extra ? 1 : 0); n > 0; n--) list.push({ topic, partition: partition++ })
    }
  }
  return assignment
}

/** All partitions of all topics in turn to the members that want the topic (`org.apache.kafka.clients.consumer.RoundRobinAssignor`). */
export function roundrobin(members: readonly AssignedMember[], counts: PartitionCounts): Assignment {
  const sorted = members.toSorted(compareMembers)
  const assignment = emptyAssignment(sorted)
  let turn = 0
  for (const topic of [...counts.keys()].toSorted()) {
    if (!sorted.some((member) => member.topics.includes(topic))) continue
    for (let partition = 0; partition < counts.get(topic)!; partition++) {
      while (!sorted[turn % sorted.length]!.topics.includes(topic)) turn++
      assignment.get(sorted[turn++ % sorted.length]!.memberId)!.push({ topic, partition })
    }
  }
  return assignment
}

function emptyAssignment(members: readonly AssignedMember[]): Assignment {
  return new Map(members.map((member) => [member.memberId, []]))
}

/** Static members first, by their instance id, which survives a restart; the others by member id. */
function compareMembers(a: AssignedMember, b: AssignedMember): number {
  if (a.groupInstanceId !== null && b.groupInstanceId !== null) return compare(a.groupInstanceId, b.groupInstanceId)
  if (a.groupInstanceId !== null) return -1
  if (b.groupInstanceId !== null) return 1
  return compare(a.memberId, b.memberId)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
