import { kafkaError } from '../../protocol/errors.ts'
import { joinFailed, syncFailed } from '../group-replies.ts'
import { type ClassicGroup, metadataOf } from '../group-state.ts'
import { atEpoch } from '../partitions.ts'
import { decide } from './apply.ts'
import type { ConsumerContext } from './context.ts'
import { assignmentIn, subscriptionIn } from './embedded.ts'
import { type ConsumerGroup, type CurrentAssignment, MemberState, type MemberMetadata, newConsumerGroup } from './state.ts'

interface Moved {
  readonly id: string
  readonly metadata: MemberMetadata
  readonly current: CurrentAssignment
}

/**
 * The group of the new protocol that goes on where a classic one with members ends. They stay, still speak the classic protocol, and are
 * told to join again.
 * @throws KafkaError GROUP_ID_NOT_FOUND when they are no consumers, or the settings forbid it
 */
export function upgraded(group: ClassicGroup, context: ConsumerContext): ConsumerGroup {
  const { config, now, out } = context
  const policy = config.consumerMigrationPolicy
  const refuse = (why: string): never => {
    throw kafkaError('GROUP_ID_NOT_FOUND', `Cannot upgrade classic group ${group.id} to consumer group because ${why}.`)
  }
  if (policy !== 'bidirectional' && policy !== 'upgrade') refuse('online upgrade is disabled')
  if (group.protocolType !== 'consumer') refuse('the group does not use the consumer embedded protocol')
  if (group.members.size > config.consumerMaxSize) refuse('the group size exceeds the consumer group maximum size')
  const moved =
    membersOf(group, context) ?? refuse('the embedded consumer protocol is malformed, or an unsupported custom assignor is in use')
  for (const { id, join, sync } of group.members.values()) {
    if (join !== null) out.reply(join, joinFailed('REBALANCE_IN_PROGRESS', id))
    if (sync !== null) out.reply(sync, syncFailed('REBALANCE_IN_PROGRESS'))
  }
  out.record({ kind: 'group', group: group.id, value: null })
  const consumer = newConsumerGroup(group.id)
  for (const { id, metadata } of moved) decide(consumer, { kind: 'member', group: group.id, member: id, value: metadata }, context)
  decide(consumer, { kind: 'consumer group', group: group.id, value: { epoch: group.generation, metadataHash: 0n } }, context)
  for (const { id, current } of moved) {
    decide(consumer, { kind: 'member target', group: group.id, member: id, value: current.assigned }, context)
  }
  decide(consumer, { kind: 'target', group: group.id, value: { epoch: group.generation, timestamp: 0 } }, context)
  for (const { id, metadata, current } of moved) {
    decide(consumer, { kind: 'current', group: group.id, member: id, value: current }, context)
    consumer.members.get(id)!.sessionDeadline = now.mono + metadata.classic!.sessionTimeoutMs
  }
  return consumer
}

/** Undefined when one of them cannot be read. */
function membersOf(group: ClassicGroup, { topics }: ConsumerContext): Moved[] | undefined {
  const moved: Moved[] = []
  for (const member of group.members.values()) {
    const metadata = metadataOf(member, group.protocolName)
    const subscription = subscriptionIn(metadata.length === 0 ? (member.protocols[0]?.metadata ?? metadata) : metadata)
    const partitions = assignmentIn(member.assignment, topics)
    if (subscription === undefined || partitions === undefined) return undefined
    const { id, instanceId, clientId, clientHost, rebalanceTimeoutMs, sessionTimeoutMs, protocols } = member
    const assigned = atEpoch(partitions, group.generation)
    moved.push({
      id,
      metadata: {
        instanceId,
        rackId: subscription.rackId,
        clientId,
        clientHost,
        topicNames: new Set(subscription.topics),
        topicRegex: '',
        rebalanceTimeoutMs,
        serverAssignor: null,
        classic: { sessionTimeoutMs, protocols },
      },
      current: { epoch: group.generation, previousEpoch: group.generation, state: MemberState.stable, assigned, revoking: new Map() },
    })
  }
  return moved
}
