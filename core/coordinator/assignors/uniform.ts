import type { Assignor, AssignorInput, TargetAssignment } from './assignor.ts'
import { isHomogeneous } from './assignor.ts'
import { assignMixed } from './uniform-mixed.ts'

interface Free {
  readonly topicId: string
  readonly partition: number
}

/**
 * As many partitions for each member as for any other, give or take one, and as few as possible taken from those who have them
 * (Kafka's UniformAssignor).
 */
export const uniformAssignor: Assignor = (input) => (isHomogeneous(input.members) ? assignEqual(input) : assignMixed(input))

/** Everybody wants the same topics: who has too many gives the surplus to who has too few. */
function assignEqual({ members, partitionsOf }: AssignorInput): TargetAssignment {
  const topicIds = [...(members[0]?.topicIds ?? [])].sort()
  const taken = new Map(topicIds.map((id) => [id, new Set<number>()]))
  const total = topicIds.reduce((sum, id) => sum + partitionsOf(id), 0)
  const quota = Math.floor(total / members.length)
  let longer = total % members.length
  const target: TargetAssignment = new Map()
  const sizes = new Map<string, number>()
  // Who has the most keeps the one partition that not everybody can have.
  const counted = members.map((member) => ({ member, has: kept(member.previous, taken, partitionsOf) }))
  counted.sort((a, b) => b.has - a.has || (a.member.id < b.member.id ? -1 : 1))
  for (const { member, has } of counted) {
    const most = quota + (has > quota && longer > 0 ? 1 : 0)
    if (most > quota) longer--
    const own = new Map<string, Set<number>>()
    let size = 0
    for (const id of topicIds) {
      for (const partition of [...(member.previous.get(id)?.keys() ?? [])].sort((a, b) => a - b)) {
        if (size === most || partition >= partitionsOf(id) || taken.get(id)!.has(partition)) continue
        taken.get(id)!.add(partition)
        own.set(id, (own.get(id) ?? new Set()).add(partition))
        size++
      }
    }
    target.set(member.id, own)
    sizes.set(member.id, size)
  }
  const free = freePartitions(topicIds, taken, partitionsOf)
  for (const { id } of members) {
    while (sizes.get(id)! < quota) give(target, sizes, id, free.next().value!)
  }
  for (const { id } of members) {
    if (longer === 0) break
    if (sizes.get(id)! > quota) continue
    longer--
    give(target, sizes, id, free.next().value!)
  }
  return target
}

function kept(
  previous: AssignorInput['members'][number]['previous'],
  wanted: ReadonlyMap<string, unknown>,
  partitionsOf: (id: string) => number,
): number {
  let count = 0
  for (const [topicId, ids] of previous) {
    if (wanted.has(topicId)) for (const id of ids.keys()) if (id < partitionsOf(topicId)) count++
  }
  return count
}

function give(target: TargetAssignment, sizes: Map<string, number>, memberId: string, { topicId, partition }: Free): void {
  const own = target.get(memberId)!
  own.set(topicId, (own.get(topicId) ?? new Set()).add(partition))
  sizes.set(memberId, sizes.get(memberId)! + 1)
}

function* freePartitions(
  topicIds: readonly string[],
  taken: ReadonlyMap<string, ReadonlySet<number>>,
  partitionsOf: (topicId: string) => number,
): Generator<Free, undefined> {
  for (const topicId of topicIds) {
    const count = partitionsOf(topicId)
    for (let partition = 0; partition < count; partition++) if (!taken.get(topicId)!.has(partition)) yield { topicId, partition }
  }
}
