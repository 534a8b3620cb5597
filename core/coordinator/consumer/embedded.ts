import { ConsumerProtocolAssignment, ConsumerProtocolSubscription } from '../../protocol/messages/consumer-protocol.ts'
import { decodeVersioned, encodeVersioned, versionOf } from '../../protocol/versioned.ts'
import type { MemberProtocol } from '../group-state.ts'
import { listOf, type Partitions, setsOf } from '../partitions.ts'
import type { TopicCatalog } from '../topic-catalog.ts'

/** What consumers tell each other inside the classic protocol, read and written by a coordinator that serves both. */

/** Undefined for bytes that are no subscription: the members are no consumers, or have a protocol of their own. */
export function subscriptionIn(metadata: Buffer): ConsumerProtocolSubscription | undefined {
  try {
    return decodeVersioned(ConsumerProtocolSubscription, metadata, 'as newest')
  } catch {
    return undefined
  }
}

/** Undefined for bytes that are no assignment. No bytes at all assign nothing. */
export function assignmentIn(assignment: Buffer, topics: TopicCatalog): Partitions | undefined {
  if (assignment.length === 0) return new Map()
  try {
    const { assignedPartitions, userData } = decodeVersioned(ConsumerProtocolAssignment, assignment, 'as newest')
    // An assignor of the user's own has told its members more than partitions: that would be lost.
    if (userData !== null && userData.length > 0) return undefined
    return byId(assignedPartitions, topics)
  } catch {
    return undefined
  }
}

/** In the version in which the member wrote its subscription. */
export function encodeAssignment(partitions: Partitions, protocols: readonly MemberProtocol[], topics: TopicCatalog): Buffer {
  const version = Math.min(Math.max(versionOf(protocols[0]!.metadata), 0), ConsumerProtocolAssignment.versions.last)
  const assignedPartitions = listOf(partitions).flatMap(({ topicId, partitions: ids }) => {
    const topic = topics.byId(topicId)
    return topic === undefined ? [] : [{ topic: topic.name, partitions: ids }]
  })
  return encodeVersioned(ConsumerProtocolAssignment, version, { assignedPartitions })
}

/** Partitions by topic id; topics that do not exist are left out. */
export function byId(list: readonly { topic: string; partitions: readonly number[] }[], topics: TopicCatalog): Partitions {
  return setsOf(
    list.flatMap(({ topic, partitions }) => {
      const known = topics.get(topic)
      return known === undefined ? [] : [{ topicId: known.id, partitions }]
    }),
  )
}
