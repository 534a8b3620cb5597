import { api } from '../api.ts'
import { array, bool, int16, int32, int8, message, string, struct, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** The state, the members and the assignments of groups of the new protocol (KIP-848). */

const assignment = () => struct({ topicPartitions: array({ topicId: uuid(), topicName: string(), partitions: array(int32()) }) })

export const ConsumerGroupDescribeRequest = message('ConsumerGroupDescribeRequest', '0-1', '0+', {
  groupIds: array(string()),
  includeAuthorizedOperations: bool(),
})
export type ConsumerGroupDescribeRequest = Infer<typeof ConsumerGroupDescribeRequest>

export const ConsumerGroupDescribeResponse = message('ConsumerGroupDescribeResponse', '0-1', '0+', {
  throttleTimeMs: int32(),
  groups: array({
    errorCode: int16(),
    errorMessage: string({ nullable: true, default: null }),
    groupId: string(),
    groupState: string(),
    groupEpoch: int32(),
    assignmentEpoch: int32(),
    assignorName: string(),
    members: array({
      memberId: string(),
      instanceId: string({ nullable: true, default: null }),
      rackId: string({ nullable: true, default: null }),
      memberEpoch: int32(),
      clientId: string(),
      clientHost: string(),
      subscribedTopicNames: array(string()),
      subscribedTopicRegex: string({ nullable: true, default: null }),
      assignment: assignment(),
      targetAssignment: assignment(),
      memberType: int8('1+', { default: -1, ignorable: true }),
    }),
    authorizedOperations: int32({ default: -0x8000_0000 }),
  }),
})
export type ConsumerGroupDescribeResponse = Infer<typeof ConsumerGroupDescribeResponse>

export const ConsumerGroupDescribe = api(69, 'ConsumerGroupDescribe', ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse)
