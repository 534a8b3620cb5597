import { NO_PARTITIONS, type PartitionEpochs, type Partitions, sameEpochs } from '../partitions.ts'
import { decide } from './apply.ts'
import type { ConsumerContext } from './context.ts'
import { type ConsumerGroup, type ConsumerMember, type CurrentAssignment, isReconciled, MemberState, wantedTopics } from './state.ts'

/** What a member says it owns; null when it does not say. */
export type Owned = Partitions | null

/**
 * Takes a member a step towards what it shall have: first it gives up what it shall not have, then it gets the epoch of the target, and
 * partitions as others give them up. `enforce` when it may own what it no longer wants.
 */
export function reconcile(group: ConsumerGroup, member: ConsumerMember, owned: Owned, enforce: boolean, context: ConsumerContext): void {
  if (!enforce && isReconciled(member.current, group.targetEpoch)) return
  const next = nextAssignment(group, member, owned, enforce, context)
  if (sameCurrent(next, member.current)) return
  decide(group, { kind: 'current', group: group.id, member: member.id, value: next }, context)
  // Members that speak the classic protocol have deadlines of their own, for joining and for syncing.
  const waits = next.state === MemberState.unrevokedPartitions && member.metadata.classic === null
  member.rebalanceDeadline = waits ? context.now.mono + member.metadata.rebalanceTimeoutMs : Infinity
}

function nextAssignment(
  group: ConsumerGroup,
  member: ConsumerMember,
  owned: Owned,
  enforce: boolean,
  context: ConsumerContext,
): CurrentAssignment {
  const { current } = member
  const wanted = wantedIds(group, member, context)
  const isHeld = current.state === MemberState.stable && current.epoch === group.targetEpoch
  const waits = current.state === MemberState.unrevokedPartitions && stillOwns(owned, current.revoking)
  if (isHeld || waits) return enforce ? withoutUnwanted(current, wanted, owned) : current
  return towardsTarget(group, member, wanted, owned)
}

function wantedIds(group: ConsumerGroup, { metadata }: ConsumerMember, { topics }: ConsumerContext): ReadonlySet<string> {
  const ids = new Set<string>()
  for (const name of wantedTopics(group, metadata)) {
    const topic = topics.get(name)
    if (topic !== undefined) ids.add(topic.id)
  }
  return ids
}

/** Who does not say what it owns may own everything it ever had. */
function stillOwns(owned: Owned, partitions: Partitions): boolean {
  if (owned === null) return true
  for (const [topicId, ids] of owned) for (const id of ids.keys()) if (partitions.get(topicId)?.has(id) === true) return true
  return false
}

/** The member stays at its epoch; topics that it no longer wants are taken from it. */
function withoutUnwanted(current: CurrentAssignment, wanted: ReadonlySet<string>, owned: Owned): CurrentAssignment {
  const assigned = new Map<string, ReadonlyMap<number, number>>()
  const revoking = new Map(current.revoking)
  for (const [topicId, ids] of current.assigned) {
    if (wanted.has(topicId)) assigned.set(topicId, ids)
    else revoking.set(topicId, new Map([...(revoking.get(topicId) ?? []), ...ids]))
  }
  if (assigned.size === current.assigned.size) return current
  const step = { ...current, previousEpoch: current.epoch, assigned }
  return stillOwns(owned, revoking) ? { ...step, state: MemberState.unrevokedPartitions, revoking } : step
}

function towardsTarget(group: ConsumerGroup, member: ConsumerMember, wanted: ReadonlySet<string>, owned: Owned): CurrentAssignment {
  const { current, id } = member
  const target = group.targets.get(id) ?? NO_PARTITIONS
  const assigned = new Map<string, Map<number, number>>()
  const revoking = new Map<string, Map<number, number>>()
  const coming: { topicId: string; partition: number }[] = []
  let unreleased = false
  for (const topicId of new Set([...target.keys(), ...current.assigned.keys()])) {
    const shall = wanted.has(topicId) ? target.get(topicId) : undefined
    const has = current.assigned.get(topicId)
    for (const [partition, epoch] of has ?? []) put(shall?.has(partition) === true ? assigned : revoking, topicId, partition, epoch)
    for (const partition of shall?.keys() ?? []) {
      if (has?.has(partition) === true) continue
      const owner = group.owners.get(topicId, partition)
      if (owner === undefined || owner === id) coming.push({ topicId, partition })
      else unreleased = true
    }
  }
  if (revoking.size > 0 && stillOwns(owned, revoking)) {
    return { epoch: current.epoch, previousEpoch: current.epoch, state: MemberState.unrevokedPartitions, assigned, revoking }
  }
  for (const { topicId, partition } of coming) put(assigned, topicId, partition, group.targetEpoch)
  const state = unreleased ? MemberState.unreleasedPartitions : MemberState.stable
  return { epoch: group.targetEpoch, previousEpoch: current.epoch, state, assigned, revoking: NO_PARTITIONS }
}

function put(into: Map<string, Map<number, number>>, topicId: string, partition: number, epoch: number): void {
  const ids = into.get(topicId)
  if (ids === undefined) into.set(topicId, new Map([[partition, epoch]]))
  else ids.set(partition, epoch)
}

function sameCurrent(a: CurrentAssignment, b: CurrentAssignment): boolean {
  return (
    a === b ||
    (a.epoch === b.epoch &&
      a.previousEpoch === b.previousEpoch &&
      a.state === b.state &&
      sameEpochs(a.assigned, b.assigned) &&
      sameEpochs(a.revoking, b.revoking))
  )
}

/** True when a partition that the member waits for is still owned by somebody else. */
export function waitsForOthers(group: ConsumerGroup, { id, current }: ConsumerMember): boolean {
  for (const [topicId, ids] of group.targets.get(id) ?? NO_PARTITIONS) {
    for (const partition of ids.keys()) {
      const owner = group.owners.get(topicId, partition)
      if (owner !== undefined && owner !== id && !hasIn(current.assigned, topicId, partition)) return true
    }
  }
  return false
}

function hasIn(partitions: PartitionEpochs, topicId: string, partition: number): boolean {
  return partitions.get(topicId)?.has(partition) ?? false
}
