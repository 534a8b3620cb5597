import type { Context } from '../group-state.ts'
import type { ConsumerGroup } from './state.ts'

/** Tombstones for all that the log keeps of a group. */
export function buryConsumerGroup(group: ConsumerGroup, { out }: Pick<Context, 'out'>): void {
  const of = { group: group.id, value: null }
  for (const member of group.members.keys()) out.record({ kind: 'current', member, ...of })
  for (const member of new Set([...group.targets.keys(), ...group.members.keys()])) out.record({ kind: 'member target', member, ...of })
  out.record({ kind: 'target', ...of })
  for (const member of group.members.keys()) out.record({ kind: 'member', member, ...of })
  for (const regex of group.regexes.keys()) out.record({ kind: 'regex', regex, ...of })
  // What Kafka 4.0 may have written.
  out.record({ kind: 'partition metadata', ...of })
  out.record({ kind: 'consumer group', ...of })
  group.dead = true
}
