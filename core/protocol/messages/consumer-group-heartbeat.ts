import { api } from '../api.ts'
import { array, int16, int32, message, string, struct, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** A member of a group of the new protocol (KIP-848) joins, lives, acknowledges its partitions and leaves. */

export const ConsumerGroupHeartbeatRequest = message('ConsumerGroupHeartbeatRequest', '0-1', '0+', {
  groupId: string(),
  memberId: string(),
  memberEpoch: int32(),
  instanceId: string({ nullable: true, default: null }),
  rackId: string({ nullable: true, default: null }),
  rebalanceTimeoutMs: int32({ default: -1 }),
  subscribedTopicNames: array(string(), { nullable: true, default: null }),
  subscribedTopicRegex: string('1+', { nullable: true, default: null }),
  serverAssignor: string({ nullable: true, default: null }),
  topicPartitions: array({ topicId: uuid(), partitions: array(int32()) }, { nullable: true, default: null }),
})
export type ConsumerGroupHeartbeatRequest = Infer<typeof ConsumerGroupHeartbeatRequest>

export const ConsumerGroupHeartbeatResponse = message('ConsumerGroupHeartbeatResponse', '0-1', '0+', {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: true, default: null }),
  memberId: string({ nullable: true, default: null }),
  memberEpoch: int32(),
  heartbeatIntervalMs: int32(),
  assignment: struct({ topicPartitions: array({ topicId: uuid(), partitions: array(int32()) }) }, { nullable: true, default: null }),
})
export type ConsumerGroupHeartbeatResponse = Infer<typeof ConsumerGroupHeartbeatResponse>

export const ConsumerGroupHeartbeat = api(68, 'ConsumerGroupHeartbeat', ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse)
