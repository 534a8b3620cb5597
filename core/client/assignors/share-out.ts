import { MoldauError } from '../../base/errors.ts'
import { tpKey } from '../../cluster/topic-partition.ts'
import type { TopicPartition } from '../../cluster/topic-partition.ts'
import type { AssignedMember, Assignment, Assignor, GroupTopics } from './assignor.ts'
import { ownershipClaims } from './claims.ts'

/**
 * What the leader of a group does: asks the assignor that the group has agreed on, and does not believe everything.
 *
 * @throws MoldauError INVALID_ARGUMENT when a custom assignor names a member or a partition that is not there, or a partition twice
 */
export function shareOut(assignor: Assignor, members: readonly AssignedMember[], topics: GroupTopics): Assignment {
  const given = assignor.assign(members, topics)
  const fault = faultOf(given, members, topics)
  if (fault !== undefined) throw new MoldauError('INVALID_ARGUMENT', `assignor '${assignor.name}': ${fault}`)
  const whole: Assignment = new Map(members.map(({ memberId }) => [memberId, given.get(memberId) ?? []]))
  // Members that can keep partitions while they join, do: what they own must not be given to others yet.
  const shared: Assignment = assignor.cooperative === true ? ownershipClaims(members).holdBack(whole) : whole
  if (given.userData !== undefined) shared.userData = given.userData
  return shared
}

function faultOf(assignment: Assignment, members: readonly AssignedMember[], topics: GroupTopics): string | undefined {
  const wanted = new Map(members.map((member) => [member.memberId, new Set(member.topics)]))
  const assigned = new Set<string>()
  for (const [memberId, partitions] of assignment) {
    const own = wanted.get(memberId)
    if (own === undefined) return `there is no member '${memberId}' in the group`
    for (const tp of partitions) {
      if (!own.has(tp.topic)) return `member '${memberId}' gets ${tpKey(tp)}, and does not want that topic`
      if (!isThere(tp, topics)) return `member '${memberId}' gets ${tpKey(tp)}, which does not exist`
      if (assigned.has(tpKey(tp))) return `${tpKey(tp)} is assigned twice`
      assigned.add(tpKey(tp))
    }
  }
  return undefined
}

function isThere({ topic, partition }: TopicPartition, topics: GroupTopics): boolean {
  return Number.isInteger(partition) && partition >= 0 && partition < (topics.get(topic)?.length ?? 0)
}
