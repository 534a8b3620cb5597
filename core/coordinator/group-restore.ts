import { applyConsumerRecord } from './consumer/apply.ts'
import { newConsumerGroup } from './consumer/state.ts'
import type { Group } from './group-shard.ts'
import { restoreGroup } from './group-state.ts'
import type { Moment } from './moment.ts'
import type { CoordinatorRecord } from './records.ts'

/**
 * Applies a record that was read from the log to the groups. A name may have stood for groups of both kinds, one after the other: the
 * tombstones of one must not touch the other, which a compacted log may tell of first.
 */
export function restoreGroupRecord(groups: Map<string, Group>, record: CoordinatorRecord, now: Moment): void {
  if (record.kind === 'offset' || record.kind === 'transaction') return
  const known = groups.get(record.group)
  if (record.kind === 'group') {
    if (record.value !== null) groups.set(record.group, restoreGroup(record.group, record.value, now))
    else if (known?.kind === 'classic') groups.delete(record.group)
    return
  }
  if (known?.kind !== 'consumer' && record.value === null) return
  const group = known?.kind === 'consumer' ? known : newConsumerGroup(record.group)
  groups.set(group.id, group)
  applyConsumerRecord(group, record)
  if (group.dead) groups.delete(group.id)
}
