import type { AssignorInput, TargetAssignment } from './assignor.ts'

/** Rounds of moving partitions from full members to empty ones: each about halves the imbalance. */
const ROUNDS_MAX = 16

interface Loads {
  readonly target: TargetAssignment
  readonly sizes: Map<string, number>
  /** Who wants a topic. */
  readonly subscribers: ReadonlyMap<string, readonly string[]>
}

/**
 * Members want different topics: what they have they keep, what nobody has goes to the least loaded subscriber, and then partitions move
 * from the most to the least loaded subscriber of a topic until no move makes a difference.
 */
export function assignMixed({ members, partitionsOf }: AssignorInput): TargetAssignment {
  const target: TargetAssignment = new Map(members.map(({ id }) => [id, new Map()]))
  const sizes = new Map(members.map(({ id }) => [id, 0]))
  const subscribers = new Map<string, string[]>()
  for (const { id, topicIds } of members) {
    for (const topicId of topicIds) subscribers.set(topicId, [...(subscribers.get(topicId) ?? []), id])
  }
  const loads: Loads = { target, sizes, subscribers }
  const taken = new Map([...subscribers.keys()].map((topicId) => [topicId, new Set<number>()]))
  for (const { id, topicIds, previous } of members) {
    for (const topicId of topicIds) {
      for (const partition of previous.get(topicId)?.keys() ?? []) {
        if (partition >= partitionsOf(topicId) || taken.get(topicId)!.has(partition)) continue
        taken.get(topicId)!.add(partition)
        give(loads, id, topicId, partition)
      }
    }
  }
  // Topics with the fewest members to choose from go first.
  const weight = (topicId: string): number => partitionsOf(topicId) / subscribers.get(topicId)!.length
  const topicIds = [...subscribers.keys()].sort((a, b) => {
    return weight(b) - weight(a) || subscribers.get(a)!.length - subscribers.get(b)!.length || (a < b ? -1 : 1)
  })
  for (const topicId of topicIds) {
    for (let partition = 0; partition < partitionsOf(topicId); partition++) {
      if (!taken.get(topicId)!.has(partition)) give(loads, leastLoaded(loads, topicId), topicId, partition)
    }
  }
  for (let round = 0; round < ROUNDS_MAX; round++) if (!balance(loads, topicIds)) break
  return target
}

function give({ target, sizes }: Loads, memberId: string, topicId: string, partition: number): void {
  const own = target.get(memberId)!
  own.set(topicId, (own.get(topicId) ?? new Set()).add(partition))
  sizes.set(memberId, sizes.get(memberId)! + 1)
}

/** One pass over all topics; true when something moved. */
function balance(loads: Loads, topicIds: readonly string[]): boolean {
  let moved = false
  for (const topicId of topicIds) {
    for (;;) {
      const from = mostLoaded(loads, topicId)
      const to = leastLoaded(loads, topicId)
      if (from === undefined || loads.sizes.get(from)! - loads.sizes.get(to)! <= 1) break
      const own = loads.target.get(from)!.get(topicId)!
      const partition = Math.max(...own)
      own.delete(partition)
      if (own.size === 0) loads.target.get(from)!.delete(topicId)
      loads.sizes.set(from, loads.sizes.get(from)! - 1)
      give(loads, to, topicId, partition)
      moved = true
    }
  }
  return moved
}

function leastLoaded({ subscribers, sizes }: Loads, topicId: string): string {
  let least: string | undefined
  for (const id of subscribers.get(topicId)!) if (least === undefined || sizes.get(id)! < sizes.get(least)!) least = id
  return least!
}

/** Of those who have something of the topic to give. */
function mostLoaded({ subscribers, sizes, target }: Loads, topicId: string): string | undefined {
  let most: string | undefined
  for (const id of subscribers.get(topicId)!) {
    if (target.get(id)!.has(topicId) && (most === undefined || sizes.get(id)! > sizes.get(most)!)) most = id
  }
  return most
}
