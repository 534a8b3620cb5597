import { api } from '../api.ts'
import { array, bool, int16, int32, message, string, struct, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Metadata of topics, page by page (KIP-966). */

export const DescribeTopicPartitionsRequest = message('DescribeTopicPartitionsRequest', '0', '0+', {
  topics: array({ name: string() }),
  responsePartitionLimit: int32({ default: 2000 }),
  cursor: struct({ topicName: string(), partitionIndex: int32() }, { nullable: true, default: null }),
})
export type DescribeTopicPartitionsRequest = Infer<typeof DescribeTopicPartitionsRequest>

export const DescribeTopicPartitionsResponse = message('DescribeTopicPartitionsResponse', '0', '0+', {
  throttleTimeMs: int32({ ignorable: true }),
  topics: array({
    errorCode: int16(),
    name: string({ nullable: true }),
    topicId: uuid({ ignorable: true }),
    isInternal: bool({ default: false, ignorable: true }),
    partitions: array({
      errorCode: int16(),
      partitionIndex: int32(),
      leaderId: int32(),
      leaderEpoch: int32({ default: -1, ignorable: true }),
      replicaNodes: array(int32()),
      isrNodes: array(int32()),
      eligibleLeaderReplicas: array(int32(), { nullable: true, default: null }),
      lastKnownElr: array(int32(), { nullable: true, default: null }),
      offlineReplicas: array(int32(), { ignorable: true }),
    }),
    topicAuthorizedOperations: int32({ default: -2147483648 }),
  }),
  nextCursor: struct({ topicName: string(), partitionIndex: int32() }, { nullable: true, default: null }),
})
export type DescribeTopicPartitionsResponse = Infer<typeof DescribeTopicPartitionsResponse>

export const DescribeTopicPartitions = api(75, 'DescribeTopicPartitions', DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse)
