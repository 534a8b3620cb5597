import type { AssignedMember, PartitionRacks } from './assignor.ts'

/**
 * Whether racks make a difference: members and replicas share one, and not every partition has a replica in all of them (KIP-881).
 *
 * @param members of those topics
 */
export function racksMatter(members: readonly AssignedMember[], topics: Iterable<PartitionRacks>): boolean {
  const wanted = new Set(members.flatMap(({ rackId }) => rackId || []))
  if (wanted.size === 0) return false
  const each = [...topics].flat().map((racks) => new Set(racks))
  const all = new Set(each.flatMap((racks) => [...racks]))
  return [...wanted].some((rack) => all.has(rack)) && each.some((racks) => racks.size < all.size)
}

/** Whether a member would have to fetch a partition from another rack. One that does not say where it is does not mind. */
export function isElsewhere({ rackId }: AssignedMember, racks: readonly string[]): boolean {
  return rackId !== null && rackId !== '' && !racks.includes(rackId)
}
