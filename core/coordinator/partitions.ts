/** Partitions by topic id. A map with partitions as keys serves as well: then each has an epoch. */
export interface PartitionIds {
  readonly size: number
  has(partition: number): boolean
  keys(): Iterable<number>
}

export type Partitions = ReadonlyMap<string, PartitionIds>

/** Partitions with the epoch at which the member got each. */
export type PartitionEpochs = ReadonlyMap<string, ReadonlyMap<number, number>>

export const NO_PARTITIONS: ReadonlyMap<string, ReadonlyMap<number, number>> = new Map()

export function hasPartition(partitions: Partitions, topicId: string, partition: number): boolean {
  return partitions.get(topicId)?.has(partition) ?? false
}

export function samePartitions(a: Partitions, b: Partitions): boolean {
  return a.size === b.size && isWithin(a, b) && isWithin(b, a)
}

/** True when every partition of `inner` is in `outer`. */
export function isWithin(inner: Partitions, outer: Partitions): boolean {
  for (const [topicId, ids] of inner) {
    const others = outer.get(topicId)
    for (const id of ids.keys()) if (others?.has(id) !== true) return false
  }
  return true
}

export function sameEpochs(a: PartitionEpochs, b: PartitionEpochs): boolean {
  if (!samePartitions(a, b)) return false
  for (const [topicId, ids] of a) for (const [id, epoch] of ids) if (b.get(topicId)!.get(id) !== epoch) return false
  return true
}

export function countOf(partitions: Partitions): number {
  let count = 0
  for (const ids of partitions.values()) count += ids.size
  return count
}

export interface TopicPartitionList {
  topicId: string
  partitions: number[]
}

/** As requests, answers and records list them: sorted, topics without partitions left out. */
export function listOf(partitions: Partitions): TopicPartitionList[] {
  const list: TopicPartitionList[] = []
  for (const [topicId, ids] of partitions) {
    if (ids.size > 0) list.push({ topicId, partitions: [...ids.keys()].sort((a, b) => a - b) })
  }
  return list
}

export function setsOf(list: readonly { topicId: string; partitions: readonly number[] }[]): Map<string, Set<number>> {
  const sets = new Map<string, Set<number>>()
  for (const { topicId, partitions } of list) {
    const set = sets.get(topicId) ?? new Set()
    for (const id of partitions) set.add(id)
    if (set.size > 0) sets.set(topicId, set)
  }
  return sets
}

/** Partitions all of which have one epoch. */
export function atEpoch(partitions: Partitions, epoch: number): Map<string, Map<number, number>> {
  const result = new Map<string, Map<number, number>>()
  for (const [topicId, ids] of partitions) {
    const epochs = new Map<number, number>()
    for (const id of ids.keys()) epochs.set(id, epoch)
    if (epochs.size > 0) result.set(topicId, epochs)
  }
  return result
}
