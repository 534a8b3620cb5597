import { api } from '../api.ts'
import { array, int16, int32, int64, message, string, uint16, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Who votes in, leads and follows the log of the cluster's metadata (KIP-595). */

export const DescribeQuorumRequest = message('DescribeQuorumRequest', '0-2', '0+', {
  topics: array({ topicName: string(), partitions: array({ partitionIndex: int32() }) }),
})
export type DescribeQuorumRequest = Infer<typeof DescribeQuorumRequest>

const replicaState = {
  replicaId: int32(),
  replicaDirectoryId: uuid('2+'),
  logEndOffset: int64(),
  lastFetchTimestamp: int64('1+', { default: -1, ignorable: true }),
  lastCaughtUpTimestamp: int64('1+', { default: -1, ignorable: true }),
}

export const DescribeQuorumResponse = message('DescribeQuorumResponse', '0-2', '0+', {
  errorCode: int16(),
  errorMessage: string('2+', { nullable: true, ignorable: true }),
  topics: array({
    topicName: string(),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      errorMessage: string('2+', { nullable: true, ignorable: true }),
      leaderId: int32(),
      leaderEpoch: int32(),
      highWatermark: int64(),
      currentVoters: array(replicaState),
      observers: array(replicaState),
    }),
  }),
  nodes: array({ nodeId: int32(), listeners: array({ name: string(), host: string(), port: uint16() }) }, '2+'),
})
export type DescribeQuorumResponse = Infer<typeof DescribeQuorumResponse>

export const DescribeQuorum = api(55, 'DescribeQuorum', DescribeQuorumRequest, DescribeQuorumResponse)
