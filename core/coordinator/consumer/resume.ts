import type { GroupConfig } from '../group-state.ts'
import type { Moment } from '../moment.ts'
import { type ConsumerGroup, MemberState } from './state.ts'

/** After the log was read: everybody has a whole session to be heard of again. */
export function resumeConsumerGroup(group: ConsumerGroup, config: GroupConfig, { mono }: Moment): void {
  for (const member of group.members.values()) {
    const { classic, rebalanceTimeoutMs } = member.metadata
    member.sessionDeadline = mono + (classic?.sessionTimeoutMs ?? config.consumerSessionTimeoutMs)
    if (classic === null && member.current.state === MemberState.unrevokedPartitions) member.rebalanceDeadline = mono + rebalanceTimeoutMs
  }
}
