import { ConsumerProtocolSubscription } from '../protocol/messages/consumer-protocol.ts'
import { decodeVersioned } from '../protocol/versioned.ts'
import { type Group, GroupState, metadataOf } from './group-state.ts'

/** Topics that members of a consumer group are subscribed to; metadata that does not parse is of another protocol and names none. */
export function subscribedTopics(group: Group): Set<string> {
  const topics = new Set<string>()
  if (group.protocolType !== 'consumer' || group.state === GroupState.empty) return topics
  for (const member of group.members.values()) {
    for (const topic of topicsIn(metadataOf(member, group.protocolName))) topics.add(topic)
  }
  return topics
}

function topicsIn(metadata: Buffer): readonly string[] {
  try {
    return decodeVersioned(ConsumerProtocolSubscription, metadata, 'as newest').topics
  } catch {
    return []
  }
}
