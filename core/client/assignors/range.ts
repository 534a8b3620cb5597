import type { TopicPartition } from '../../cluster/topic-partition.ts'
import { compare, inOrder } from './assignor.ts'
import type { AssignedMember, Assignor, PartitionRacks } from './assignor.ts'
import { isElsewhere, racksMatter } from './racks.ts'

/**
 * Each topic by itself: its partitions in order, in ranges as equal as can be, the larger ones to the first members
 * (`org.apache.kafka.clients.consumer.RangeAssignor`). Partition p of two topics with the same count goes to the same member. Where racks
 * matter a member first gets partitions that have a replica in its rack, as far as that leaves the ranges as equal (KIP-881).
 */
export const range: Assignor = {
  name: 'range',
  assign(members, topics) {
    const sorted = inOrder(members)
    const shares = [...topics].map(([topic, racks]) => new TopicShare(topic, racks, sorted))
    if (shares.some(({ racksMatter: matter }) => matter)) matchRacks(shares)
    for (const share of shares) share.takeRanges(() => true)
    return new Map(
      sorted.map(({ memberId }) => {
        const partitions = shares.flatMap((share) => share.partitionsOf(memberId))
        return [memberId, partitions.toSorted((a, b) => compare(a.topic, b.topic) || a.partition - b.partition)]
      }),
    )
  },
}

/** What the members that want a topic get of it. */
class TopicShare {
  readonly topic: string
  readonly racks: PartitionRacks
  readonly members: readonly AssignedMember[]
  readonly racksMatter: boolean
  readonly #quota: number
  /** How many members may still get one more than the quota. */
  #larger: number
  readonly #free: Set<number>
  readonly #taken: Map<string, number[]>

  constructor(topic: string, racks: PartitionRacks, sorted: readonly AssignedMember[]) {
    this.topic = topic
    this.racks = racks
    this.members = sorted.filter((member) => member.topics.includes(topic))
    this.racksMatter = racksMatter(this.members, [racks])
    this.#quota = Math.floor(racks.length / this.members.length)
    this.#larger = racks.length % this.members.length
    this.#free = new Set(racks.keys())
    this.#taken = new Map(this.members.map(({ memberId }) => [memberId, []]))
  }

  room(member: AssignedMember): number {
    return Math.max(0, this.#quota + (this.#larger > 0 ? 1 : 0) - this.#taken.get(member.memberId)!.length)
  }

  isNear(member: AssignedMember, partition: number): boolean {
    return !isElsewhere(member, this.racks[partition]!)
  }

  take(member: AssignedMember, partitions: readonly number[]): void {
    const taken = this.#taken.get(member.memberId)!
    taken.push(...partitions)
    if (taken.length > this.#quota) this.#larger--
    for (const partition of partitions) this.#free.delete(partition)
  }

  takeRanges(mayTake: (member: AssignedMember, partition: number) => boolean): void {
    for (const member of this.members) {
      const partitions = [...this.#free].filter((partition) => mayTake(member, partition)).slice(0, this.room(member))
      if (partitions.length > 0) this.take(member, partitions)
    }
  }

  partitionsOf(memberId: string): TopicPartition[] {
    return (this.#taken.get(memberId) ?? []).map((partition) => ({ topic: this.topic, partition }))
  }
}

/** Topics with the same members and as many partitions are one: what belongs together stays together, near or not. */
function matchRacks(shares: readonly TopicShare[]): void {
  const alike = Map.groupBy(shares, ({ members, racks }) => JSON.stringify([members.map(({ memberId }) => memberId), racks.length]))
  for (const group of alike.values()) {
    const [first, ...others] = group as [TopicShare, ...TopicShare[]]
    if (!first.members.some(({ rackId }) => rackId)) continue
    if (others.length > 0) matchTogether(first, group)
    else if (first.racksMatter) first.takeRanges((member, partition) => first.isNear(member, partition))
  }
}

function matchTogether({ members, racks }: TopicShare, shares: readonly TopicShare[]): void {
  for (const partition of racks.keys()) {
    const taker = members.find((member) => shares.every((share) => share.isNear(member, partition) && share.room(member) > 0))
    if (taker !== undefined) for (const share of shares) share.take(taker, [partition])
  }
}
