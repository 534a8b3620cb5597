import { subscriptionIn } from './consumer/embedded.ts'
import { subscribesTo } from './consumer/state.ts'
import { GroupState, metadataOf } from './group-state.ts'
import type { Group } from './group-shard.ts'

/** Says whether a member of the group is subscribed to a topic. */
export type Subscribed = (topic: string) => boolean

/**
 * What the group is subscribed to. Members of a classic group whose metadata does not parse may want anything; groups that are no
 * consumers, and empty ones, want nothing.
 */
export function subscriptionOf(group: Group): Subscribed {
  if (group.kind === 'consumer') return (topic) => subscribesTo(group, topic)
  if (group.protocolType !== 'consumer' || group.state === GroupState.empty) return () => false
  const topics = new Set<string>()
  for (const member of group.members.values()) {
    const subscription = subscriptionIn(metadataOf(member, group.protocolName))
    if (subscription === undefined) return () => true
    for (const topic of subscription.topics) topics.add(topic)
  }
  return (topic) => topics.has(topic)
}
