import { tpKey } from '../../cluster/topic-partition.ts'
import type { TopicPartition } from '../../cluster/topic-partition.ts'
import type { AssignedMember, Assignment } from './assignor.ts'

/** What a member says that it owns, or owned, and since which generation of the group; -1 when that is not known. */
export interface Claim {
  readonly memberId: string
  readonly partitions: readonly TopicPartition[]
  readonly generation: number
}

/** What the members of a group claim: more than one may claim a partition when one of them has missed a rebalance. */
export class Claims {
  /** Whose claim is the latest; nobody's when two members claim a partition since the same generation. */
  readonly #latest: Map<string, { owner: string | undefined; generation: number }>

  constructor(claims: readonly Claim[]) {
    this.#latest = new Map()
    for (const { memberId, partitions, generation } of claims) {
      for (const tp of partitions) this.#add(tpKey(tp), memberId, generation)
    }
  }

  #add(key: string, memberId: string, generation: number): void {
    const latest = this.#latest.get(key)
    if (latest === undefined || generation > latest.generation) this.#latest.set(key, { owner: memberId, generation })
    else if (generation === latest.generation && latest.owner !== memberId) latest.owner = undefined
  }

  ownerOf(tp: TopicPartition): string | undefined {
    return this.#latest.get(tpKey(tp))?.owner
  }

  /**
   * The assignment without what somebody else would have to give up first. Whoever claims it sees that it is not his, gives it up and joins
   * again: then it can be assigned.
   */
  holdBack(assignment: Assignment): Assignment {
    const isFree = (memberId: string, tp: TopicPartition): boolean => {
      const latest = this.#latest.get(tpKey(tp))
      return latest === undefined || latest.owner === memberId
    }
    return new Map([...assignment].map(([memberId, partitions]) => [memberId, partitions.filter((tp) => isFree(memberId, tp))]))
  }
}

/** What members say in their subscriptions: see {@link AssignedMember.ownedPartitions}. */
export function ownershipClaims(members: readonly AssignedMember[]): Claims {
  return new Claims(members.map(({ memberId, ownedPartitions, generation }) => ({ memberId, partitions: ownedPartitions, generation })))
}
