import { buryConsumerGroup } from './consumer/tombstones.ts'
import type { Group, GroupShard } from './group-shard.ts'
import { GroupState } from './group-state.ts'
import { expiredOffsets } from './offset-expiry.ts'
import { deleteOffsets } from './offsets.ts'
import { hasPending } from './offsets-state.ts'
import type { Outcome } from './outcome.ts'

/** Nobody is in the group. */
export function isEmpty(group: Group): boolean {
  return group.kind === 'consumer' ? group.members.size === 0 : group.state === GroupState.empty
}

/** Expires offsets, and groups that have neither members nor offsets: also those that somebody asked for and nobody joined. `now` is wall time. */
export function expireGroups(shard: GroupShard, retentionMs: number, now: number): void {
  for (const group of shard.groups.values()) {
    const expired = expiredOffsets(shard.offsets, group, retentionMs, now)
    const left = (shard.offsets.groups.get(group.id)?.size ?? 0) - expired.length
    const isAwaited = group.kind === 'classic' && group.pending.size > 0
    const ends = left === 0 && isEmpty(group) && !isAwaited && !hasPending(shard.offsets, group.id)
    if (expired.length === 0 && !ends) continue
    shard.change(group, ({ out }) => {
      for (const { topic, partition } of expired) out.record({ kind: 'offset', group: group.id, topic, partition, value: null })
      if (ends) bury(shard, group, out)
    })
  }
}

/** DeleteGroups: tombstones for its offsets and for itself. */
export function deleteGroup(shard: GroupShard, group: Group): void {
  shard.change(group, ({ out }) => {
    const offsets = [...(shard.offsets.groups.get(group.id)?.entries() ?? [])]
    for (const { topic, partition } of offsets) out.record({ kind: 'offset', group: group.id, topic, partition, value: null })
    for (const groups of shard.offsets.pending.values()) {
      for (const { topic, partition } of groups.get(group.id)?.entries() ?? []) {
        out.record({ kind: 'offset', group: group.id, topic, partition, value: null })
      }
    }
    bury(shard, group, out)
  })
}

/** A topic is gone, and so are its offsets in all groups. @throws KafkaError COORDINATOR_NOT_AVAILABLE when the disk refuses */
export function forgetTopic(shard: GroupShard, topic: string): void {
  shard.checkWritable()
  for (const [groupId, offsets] of Array.from(shard.offsets.groups)) {
    const gone = [...offsets.entries()].filter((entry) => entry.topic === topic)
    if (gone.length > 0) shard.change(shard.ensure(groupId), ({ out }) => deleteOffsets(shard.offsets, groupId, gone, out))
  }
}

/** The group is gone: tombstones if it was ever written. */
function bury(shard: GroupShard, group: Group, out: Outcome): void {
  if (group.kind === 'consumer') return buryConsumerGroup(group, { out })
  group.state = GroupState.dead
  if (group.generation > 0) out.record({ kind: 'group', group: group.id, value: null })
  else shard.groups.delete(group.id)
}
