import type { BrokerConnection } from '../cluster/connection.ts'
import { throwOnError } from '../protocol/errors.ts'
import { ConsumerGroupHeartbeat } from '../protocol/messages/consumer-group-heartbeat.ts'
import type { Subscription } from './membership.ts'
import type { Beat, TopicIdPartition } from './reconciliation.ts'

export interface HeartbeatSettings {
  groupId: string
  groupInstanceId: string | null
  rackId: string | null
  maxPollIntervalMs: number
  groupRemoteAssignor: string | undefined
}

export interface HeartbeatAnswer {
  memberId: string
  memberEpoch: number
  heartbeatIntervalMs: number
  assignment: TopicIdPartition[] | null
}

/** Whether the broker finds the topics that match an expression, so that the group has one view of them. */
export function matchesTopics(connection: BrokerConnection): boolean {
  return connection.supports(ConsumerGroupHeartbeat, 1)
}

/** ConsumerGroupHeartbeat (KIP-848): joins at epoch 0, else says that the member is there, and what it owns where that has changed. */
export async function heartbeat(
  connection: BrokerConnection,
  settings: HeartbeatSettings,
  memberId: string,
  beat: Beat,
  subscription: Subscription,
): Promise<HeartbeatAnswer> {
  const { groupId, groupInstanceId, rackId, maxPollIntervalMs, groupRemoteAssignor } = settings
  const everything = beat.full && {
    rackId,
    rebalanceTimeoutMs: maxPollIntervalMs,
    serverAssignor: groupRemoteAssignor ?? null,
    ...subscribed(subscription, matchesTopics(connection)),
  }
  const response = await connection.request(ConsumerGroupHeartbeat, {
    groupId,
    memberId,
    memberEpoch: beat.epoch,
    instanceId: groupInstanceId,
    ...everything,
    topicPartitions: beat.owned === null ? null : listOf(beat.owned),
  })
  throwOnError(response.errorCode, `heartbeat of group '${groupId}'`, response.errorMessage)
  const assignment = response.assignment?.topicPartitions ?? null
  return {
    memberId: response.memberId ?? memberId,
    memberEpoch: response.memberEpoch,
    heartbeatIntervalMs: response.heartbeatIntervalMs,
    assignment: assignment?.flatMap(({ topicId, partitions }) => partitions.map((partition) => ({ topicId, partition }))) ?? null,
  }
}

/** Says that the member goes: for good (-1), or for a while in which a static one keeps its partitions (-2). */
export async function leaveGroup(
  connection: BrokerConnection,
  { groupId, groupInstanceId }: HeartbeatSettings,
  memberId: string,
  memberEpoch: -1 | -2,
): Promise<void> {
  const body = { groupId, memberId, memberEpoch, instanceId: groupInstanceId, topicPartitions: [] }
  throwOnError((await connection.request(ConsumerGroupHeartbeat, body)).errorCode, `leave group '${groupId}'`)
}

/** A broker matches whole names, and knows no flags but in the expression. What was subscribed before is taken back. */
function subscribed(subscription: Subscription, matchesTopics: boolean) {
  if (!(subscription instanceof RegExp))
    return { subscribedTopicNames: [...subscription], ...(matchesTopics && { subscribedTopicRegex: '' }) }
  const flags = subscription.flags.replaceAll(/[^ims]/g, '')
  const anywhere = `.*(?:${subscription.source}).*`
  return { subscribedTopicNames: [], subscribedTopicRegex: flags === '' ? anywhere : `(?${flags})${anywhere}` }
}

function listOf(partitions: readonly TopicIdPartition[]): { topicId: string; partitions: number[] }[] {
  const topics = Map.groupBy(partitions, ({ topicId }) => topicId)
  return Array.from(topics, ([topicId, list]) => ({ topicId, partitions: list.map(({ partition }) => partition) }))
}
