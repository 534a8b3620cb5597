import fc from 'fast-check'

import type { AssignedMember, Assignment, GroupTopics } from '../../core/client/assignors/assignor.ts'
import { racksMatter } from '../../core/client/assignors/racks.ts'
import { readStickyUserData, writeStickyUserData } from '../../core/client/assignors/user-data.ts'
import { tpKey } from '../../core/index.ts'
import type { TopicPartition } from '../../core/index.ts'

/** A group as its leader sees it. */
export interface World {
  readonly members: readonly AssignedMember[]
  readonly topics: GroupTopics
}

export interface WorldSize {
  readonly members?: number
  /** Of all topics together, at most. */
  readonly partitions?: number
  /** What members say that they own: nothing; each partition at most one of them; anything, in any generation. */
  readonly claims?: 'none' | 'settled' | 'wild'
  readonly racks?: boolean
  /** Whether members may own partitions that are no longer there: Kafka's sticky assignors hand those out again. Default true. */
  readonly ghosts?: boolean
}

const TOPICS = ['a', 'b', 'c', 'd']
const RACKS = ['r1', 'r2', 'r3']

/** Random groups, half of them with members that all want the same. */
export function arbitraryGroup({
  members = 6,
  partitions = 24,
  claims = 'wild',
  racks = true,
  ghosts = true,
}: WorldSize = {}): fc.Arbitrary<World> {
  const rack = fc.option(fc.constantFrom(...RACKS), { nil: null })
  const one = fc.record({
    id: fc.stringMatching(/^[a-zA-Z0-9-]{1,6}$/),
    topics: fc.subarray([...TOPICS, 'missing'], { minLength: 1 }),
    isStatic: fc.boolean(),
    rackId: rack,
    generation: claims === 'wild' ? fc.integer({ min: -1, max: 3 }) : fc.constant(3),
  })
  const group = fc.record({
    members: fc.uniqueArray(one, { selector: ({ id }) => id, minLength: 1, maxLength: members }),
    alike: fc.boolean(),
    racks: racks ? fc.boolean() : fc.constant(false),
    counts: fc.array(fc.nat(Math.floor(partitions / TOPICS.length)), { minLength: TOPICS.length, maxLength: TOPICS.length }),
    replicas: fc.array(fc.subarray(RACKS), { minLength: 1, maxLength: 8 }),
    claims: fc.array(fc.array(fc.nat(members * 2), { maxLength: 3 }), { minLength: 1, maxLength: 40 }),
  })
  return group.map((drawn) => {
    const topics: GroupTopics = new Map(
      drawn.counts.flatMap((count, n) => {
        const layout = Array.from({ length: count }, (_, p) => (drawn.racks ? drawn.replicas[(n * 7 + p) % drawn.replicas.length]! : []))
        return count === 0 ? [] : [[TOPICS[n]!, layout] as const]
      }),
    )
    const owned = drawn.members.map(() => [] as TopicPartition[])
    let n = 0
    for (const [topic, { length }] of topics) {
      // One more than there is: a topic may have been made anew with fewer.
      for (let partition = 0; partition < length + Number(ghosts); partition++) {
        const claimants = drawn.claims[n++ % drawn.claims.length]!
        const those = claims === 'none' ? [] : claims === 'settled' ? claimants.slice(0, 1) : new Set(claimants)
        for (const claimant of those) owned[claimant]?.push({ topic, partition })
      }
    }
    const list = drawn.members.map(({ id, topics: wanted, isStatic, rackId, generation }, index): AssignedMember => {
      const last = { partitions: owned[index]!, generation }
      return {
        memberId: id,
        groupInstanceId: isStatic ? `i-${id}` : null,
        topics: drawn.alike ? drawn.members[0]!.topics : wanted,
        ownedPartitions: last.partitions,
        generation,
        rackId: drawn.racks ? rackId : null,
        userData: last.partitions.length === 0 && generation < 0 ? null : writeStickyUserData(last),
      }
    })
    return { members: list, topics }
  })
}

/** The members when they come again, and have what they were given: without an assignment they have what they own. */
export function settledMembers(
  members: readonly AssignedMember[],
  assignment: Assignment | undefined,
  generation: number,
): AssignedMember[] {
  return members.map((member) => {
    const partitions = assignment === undefined ? member.ownedPartitions : (assignment.get(member.memberId) ?? [])
    return { ...member, ownedPartitions: partitions, generation, userData: writeStickyUserData({ partitions, generation }) }
  })
}

/** By the user data of members that do not contradict each other: who owns what and still wants it. */
export function ownersIn(members: readonly AssignedMember[]): Map<string, string> {
  return new Map(
    members.flatMap(({ memberId, topics, userData }) =>
      readStickyUserData(userData).partitions.flatMap((tp) => (topics.includes(tp.topic) ? [[tpKey(tp), memberId] as const] : [])),
    ),
  )
}

/** Partitions that have another owner than before. */
export function movesOf(assignment: Assignment, owners: ReadonlyMap<string, string>): number {
  return [...assignment].reduce((sum, [memberId, partitions]) => {
    return sum + partitions.filter((tp) => (owners.get(tpKey(tp)) ?? memberId) !== memberId).length
  }, 0)
}

/** Kafka's measure of balance: the sum of the differences between all pairs. */
export function imbalance(loads: readonly number[]): number {
  return loads.reduce((sum, load, i) => sum + loads.slice(i + 1).reduce((s, other) => s + Math.abs(load - other), 0), 0)
}

/** Partitions with members in other racks; undefined where racks do not matter. */
export function racksMissed({ members, topics }: World, assignment: Assignment): number | undefined {
  if (!racksMatter(members, topics.values())) return undefined
  return members.reduce((sum, { memberId, rackId }) => {
    const partitions = assignment.get(memberId) ?? []
    return sum + partitions.filter((tp) => rackId !== null && !topics.get(tp.topic)![tp.partition]!.includes(rackId)).length
  }, 0)
}
