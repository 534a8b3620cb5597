import type { Assignor, AssignorMember } from './assignor.ts'

interface Range {
  readonly partitions: number
  members: number
  next: number
  /** Members that still get one more than the others. */
  longer: number
}

/**
 * Consecutive partitions of each topic for each of its subscribers: topics with as many partitions are cut alike, so that records that
 * belong together meet in one member. Static members come first, in the order of their instance ids (Kafka's RangeAssignor).
 */
export const rangeAssignor: Assignor = ({ members, partitionsOf }) => {
  const sorted = [...members].sort(byStaticThenId)
  const ranges = new Map<string, Range>()
  for (const { topicIds } of sorted) {
    for (const id of topicIds) {
      const range = ranges.get(id) ?? { partitions: partitionsOf(id), members: 0, next: 0, longer: 0 }
      range.members++
      range.longer = range.partitions % range.members
      ranges.set(id, range)
    }
  }
  return new Map(sorted.map((member) => [member.id, take(member, ranges)]))
}

function take({ topicIds }: AssignorMember, ranges: ReadonlyMap<string, Range>): Map<string, Set<number>> {
  const taken = new Map<string, Set<number>>()
  for (const id of topicIds) {
    const range = ranges.get(id)!
    const count = Math.floor(range.partitions / range.members) + (range.longer-- > 0 ? 1 : 0)
    if (count === 0) continue
    taken.set(id, new Set(Array.from({ length: count }, () => range.next++)))
  }
  return taken
}

function byStaticThenId(a: AssignorMember, b: AssignorMember): number {
  if (a.instanceId !== null && b.instanceId !== null) return compare(a.instanceId, b.instanceId)
  if (a.instanceId !== null) return -1
  if (b.instanceId !== null) return 1
  return compare(a.id, b.id)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
