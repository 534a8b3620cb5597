import { kafkaError } from '../../protocol/errors.ts'
import { LEAVE_EPOCH, LEAVE_STATIC_EPOCH } from './state.ts'
import type { Owned } from './reconcile.ts'

/** ConsumerGroupHeartbeat. Null means: as in the heartbeat before. */
export interface ConsumerHeartbeat {
  readonly memberId: string
  /** 0 joins, -1 leaves, -2 leaves as a static member that will be back. */
  readonly memberEpoch: number
  readonly instanceId: string | null
  readonly rackId: string | null
  /** -1: as before */
  readonly rebalanceTimeoutMs: number
  readonly clientId: string
  readonly clientHost: string
  readonly topicNames: readonly string[] | null
  readonly topicRegex: string | null
  readonly serverAssignor: string | null
  readonly owned: Owned
  /** Whether the one who asks may know of a topic: others are no match for its expression. */
  readonly mayDescribe: (topic: string) => boolean
}

/**
 * Refuses what no member would send.
 * @throws KafkaError INVALID_REQUEST, UNSUPPORTED_ASSIGNOR
 */
export function checkHeartbeat(groupId: string, request: ConsumerHeartbeat, version: number, assignors: readonly string[]): void {
  const { memberId, memberEpoch, instanceId, rackId, serverAssignor } = request
  // Since version 1 the client makes up its id itself (KIP-1082).
  if (memberId.trim() === '' && (version >= 1 || memberEpoch > 0 || memberEpoch === LEAVE_EPOCH)) refuse("MemberId can't be empty.")
  if (groupId.trim() === '') refuse("GroupId can't be empty.")
  if (instanceId !== null && instanceId.trim() === '') refuse("InstanceId can't be empty.")
  if (rackId !== null && rackId.trim() === '') refuse("RackId can't be empty.")
  if (memberEpoch === 0) checkJoin(request)
  else if (memberEpoch === LEAVE_STATIC_EPOCH && instanceId === null) refuse("InstanceId can't be null.")
  else if (memberEpoch < LEAVE_STATIC_EPOCH) refuse('MemberEpoch is invalid.')
  if (serverAssignor !== null && !assignors.includes(serverAssignor)) {
    const known = assignors.join(', ')
    throw kafkaError('UNSUPPORTED_ASSIGNOR', `ServerAssignor ${serverAssignor} is not supported. Supported assignors: ${known}.`)
  }
}

function checkJoin({ rebalanceTimeoutMs, owned, topicNames, topicRegex }: ConsumerHeartbeat): void {
  if (rebalanceTimeoutMs === -1) refuse('RebalanceTimeoutMs must be provided in first request.')
  if (owned === null || owned.size > 0) refuse('TopicPartitions must be empty when (re-)joining.')
  if (topicNames === null && topicRegex === null) {
    refuse('Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.')
  }
}

function refuse(why: string): never {
  throw kafkaError('INVALID_REQUEST', why)
}
