import { array, bytes, int32, int64, int64Exact, int8, message, string, struct, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

/**
 * Keys and values of the records in `__consumer_offsets` that keep groups of the new protocol (KIP-848). The number in front of a key
 * tells its type, that of a value is its version.
 */

export const ConsumerGroupMetadataKey = message('ConsumerGroupMetadataKey', '3', 'none', { groupId: string() })
export const ConsumerGroupMetadataValue = message('ConsumerGroupMetadataValue', '0', '0+', {
  epoch: int32(),
  metadataHash: int64Exact({ default: 0n, tag: 0 }),
})
export type ConsumerGroupMetadataValue = Infer<typeof ConsumerGroupMetadataValue>

/** Written by Kafka 4.0 only; since then the hash above stands for it. Read to be removed. */
export const ConsumerGroupPartitionMetadataKey = message('ConsumerGroupPartitionMetadataKey', '4', 'none', { groupId: string() })
export const ConsumerGroupPartitionMetadataValue = message('ConsumerGroupPartitionMetadataValue', '0', '0+', {
  topics: array({
    topicId: uuid(),
    topicName: string(),
    numPartitions: int32(),
    partitionMetadata: array({ partition: int32(), racks: array(string()) }),
  }),
})

export const ConsumerGroupMemberMetadataKey = message('ConsumerGroupMemberMetadataKey', '5', 'none', {
  groupId: string(),
  memberId: string(),
})
export const ConsumerGroupMemberMetadataValue = message('ConsumerGroupMemberMetadataValue', '0', '0+', {
  instanceId: string({ nullable: true }),
  rackId: string({ nullable: true }),
  clientId: string(),
  clientHost: string(),
  subscribedTopicNames: array(string()),
  subscribedTopicRegex: string({ nullable: true }),
  rebalanceTimeoutMs: int32({ default: -1 }),
  serverAssignor: string({ nullable: true }),
  classicMemberMetadata: struct(
    { sessionTimeoutMs: int32(), supportedProtocols: array({ name: string(), metadata: bytes() }) },
    { nullable: true, default: null, tag: 0 },
  ),
})
export type ConsumerGroupMemberMetadataValue = Infer<typeof ConsumerGroupMemberMetadataValue>

export const ConsumerGroupTargetAssignmentMetadataKey = message('ConsumerGroupTargetAssignmentMetadataKey', '6', 'none', {
  groupId: string(),
})
export const ConsumerGroupTargetAssignmentMetadataValue = message('ConsumerGroupTargetAssignmentMetadataValue', '0', '0+', {
  assignmentEpoch: int32(),
  assignmentTimestamp: int64({ default: 0, tag: 0, ignorable: true }),
})

export const ConsumerGroupTargetAssignmentMemberKey = message('ConsumerGroupTargetAssignmentMemberKey', '7', 'none', {
  groupId: string(),
  memberId: string(),
})
export const ConsumerGroupTargetAssignmentMemberValue = message('ConsumerGroupTargetAssignmentMemberValue', '0', '0+', {
  topicPartitions: array({ topicId: uuid(), partitions: array(int32()) }),
})

const partitionsWithEpochs = () =>
  array({
    topicId: uuid(),
    partitions: array(int32()),
    assignmentEpochs: array(int32(), { nullable: true, default: null, tag: 0 }),
  })

export const ConsumerGroupCurrentMemberAssignmentKey = message('ConsumerGroupCurrentMemberAssignmentKey', '8', 'none', {
  groupId: string(),
  memberId: string(),
})
export const ConsumerGroupCurrentMemberAssignmentValue = message('ConsumerGroupCurrentMemberAssignmentValue', '0', '0+', {
  memberEpoch: int32(),
  previousMemberEpoch: int32(),
  state: int8(),
  assignedPartitions: partitionsWithEpochs(),
  partitionsPendingRevocation: partitionsWithEpochs(),
})
export type ConsumerGroupCurrentMemberAssignmentValue = Infer<typeof ConsumerGroupCurrentMemberAssignmentValue>

export const ConsumerGroupRegularExpressionKey = message('ConsumerGroupRegularExpressionKey', '16', 'none', {
  groupId: string(),
  regularExpression: string(),
})
export const ConsumerGroupRegularExpressionValue = message('ConsumerGroupRegularExpressionValue', '0', '0+', {
  topics: array(string()),
  version: int64(),
  timestamp: int64(),
})
