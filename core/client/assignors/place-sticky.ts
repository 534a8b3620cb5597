import { inOrder } from './assignor.ts'
import type { AssignedMember, Assignment, GroupTopics } from './assignor.ts'
import { balance } from './balance.ts'
import type { Claims } from './claims.ts'
import { Holdings, NOBODY } from './holdings.ts'
import type { Kind } from './holdings.ts'
import { isElsewhere, racksMatter } from './racks.ts'

/**
 * Every partition stays with its owner, what nobody owns goes to the member with the fewest, and then as many move as the balance needs.
 * The result is the best there is: of all assignments with the most even numbers those with the fewest partitions in other racks, and of those
 * one with the fewest moves.
 */
export function placeSticky(members: readonly AssignedMember[], topics: GroupTopics, claims: Claims): Assignment {
  const sorted = inOrder(members)
  const indexes = new Map(sorted.map(({ memberId }, index) => [memberId, index]))
  const holdings = new Holdings(sorted.length)
  const kinds = new Kinds(sorted, topics)
  const free: { partition: number; kind: Kind }[] = []
  const places: { topic: string; partition: number }[] = []
  for (const topic of [...topics.keys()].toSorted()) {
    for (const [partition, racks] of topics.get(topic)!.entries()) {
      const kind = kinds.of(topic, racks)
      if (kind.members.length === 0) continue
      const tp = { topic, partition }
      const owner = indexes.get(claims.ownerOf(tp) ?? '') ?? NOBODY
      const home = kind.members.includes(owner) ? owner : NOBODY
      const index = holdings.add(kind, home)
      places.push(tp)
      if (home === NOBODY) free.push({ partition: index, kind })
      else holdings.give(index, home)
    }
  }
  // Whoever has little choice chooses first.
  for (const { partition, kind } of free.toSorted((a, b) => a.kind.members.length - b.kind.members.length)) {
    holdings.give(partition, holdings.emptiest(kind))
  }
  balance(holdings, kinds.all)
  const assignment: Assignment = new Map(sorted.map(({ memberId }) => [memberId, []]))
  for (const [index, tp] of places.entries()) assignment.get(sorted[holdings.holderOf(index)]!.memberId)!.push(tp)
  return assignment
}

/** Partitions that the same members want, with replicas in the same racks, make no difference to each other. */
class Kinds {
  readonly all: Kind[]
  readonly #members: readonly AssignedMember[]
  readonly #racksMatter: boolean
  readonly #wanted: readonly ReadonlySet<string>[]
  readonly #known: Map<string, Kind>
  readonly #subscribers: Map<string, { members: readonly number[]; key: string }>

  constructor(members: readonly AssignedMember[], topics: GroupTopics) {
    this.all = []
    this.#members = members
    this.#racksMatter = racksMatter(members, topics.values())
    this.#wanted = members.map((member) => new Set(member.topics))
    this.#known = new Map()
    this.#subscribers = new Map()
  }

  of(topic: string, racks: readonly string[]): Kind {
    let subscribers = this.#subscribers.get(topic)
    if (subscribers === undefined) {
      const members = [...this.#members.keys()].filter((index) => this.#wanted[index]!.has(topic))
      this.#subscribers.set(topic, (subscribers = { members, key: members.join() }))
    }
    const key = this.#racksMatter ? `${subscribers.key} ${JSON.stringify(racks.toSorted())}` : subscribers.key
    let kind = this.#known.get(key)
    if (kind === undefined) {
      const far = this.#racksMatter ? this.#members.map((member) => isElsewhere(member, racks)) : []
      kind = { index: this.all.length, members: subscribers.members, far }
      this.#known.set(key, kind)
      this.all.push(kind)
    }
    return kind
  }
}
