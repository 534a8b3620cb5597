import { ManualClock } from '../../core/base/clock.ts'
import type { GroupCoordinatorConfig } from '../../core/coordinator/coordinator-config.ts'
import { GroupCoordinator } from '../../core/coordinator/group-coordinator.ts'
import { type ClassicMember, NewMember, type TestMember } from './consumer-members.ts'
import { MemoryPartitions } from './memory-partitions.ts'
import { MemoryTopics } from './memory-topics.ts'

/** A group coordinator over partitions in memory, and what a restart of it needs. */
export interface Rig {
  groups: GroupCoordinator
  clock: ManualClock
  writer: MemoryPartitions
  topics: MemoryTopics
  config: Partial<GroupCoordinatorConfig>
}

export async function start(partitions: Record<string, number> = { t: 4 }, config: Partial<GroupCoordinatorConfig> = {}): Promise<Rig> {
  const rig = { clock: new ManualClock(), writer: new MemoryPartitions(), topics: new MemoryTopics(partitions), config }
  return { ...rig, groups: await coordinator(rig) }
}

async function coordinator({ clock, writer, topics, config }: Omit<Rig, 'groups'>): Promise<GroupCoordinator> {
  const groups = new GroupCoordinator({ writer, clock, topics, config: { offsetsTopicNumPartitions: 2, ...config } })
  await groups.load()
  await groups.prepare()
  return groups
}

/** Another process finds the log, after a power loss only what was synced. */
export async function restart(rig: Rig, powerLoss = false): Promise<void> {
  rig.groups.close()
  rig.writer = rig.writer.restart(powerLoss)
  rig.groups = await coordinator(rig)
}

/** The member does what it was told to. */
export function act(member: TestMember): void {
  if (member instanceof NewMember) member.reconcile()
}

/** Everybody reports until nothing changes any more. */
export async function settle(rig: Rig, members: readonly TestMember[]): Promise<void> {
  for (let round = 0; round < 12; round++) {
    for (const member of members) {
      await member.beat(rig.groups)
      act(member)
    }
    rig.clock.advance(1000)
  }
}

/** Requests of members of a classic group wait for each other: nobody waits for an answer here, and time passes meanwhile. */
export async function settleClassic(rig: Rig, members: readonly ClassicMember[]): Promise<void> {
  const busy = new Map<ClassicMember, Promise<unknown>>()
  for (let round = 0; round < 12; round++) {
    for (const member of members) {
      if (!busy.has(member))
        busy.set(
          member,
          member.beat(rig.groups).finally(() => busy.delete(member)),
        )
    }
    for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve))
    rig.clock.advance(1000)
  }
  await Promise.all(busy.values())
}

/** Of the group `g`. */
export const describe = ({ groups }: Rig) => groups.describeConsumerGroup('g')!
export const owned = (member: TestMember): string[] => [...member.owned].sort()
