import { api } from '../api.ts'
import { array, bool, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Moves partitions to other brokers, or calls that off (KIP-455). */

export const AlterPartitionReassignmentsRequest = message('AlterPartitionReassignmentsRequest', '0-1', '0+', {
  timeoutMs: int32({ default: 60000 }),
  allowReplicationFactorChange: bool('1+', { default: true }),
  topics: array({
    name: string(),
    partitions: array({ partitionIndex: int32(), replicas: array(int32(), { nullable: true, default: null }) }),
  }),
})
export type AlterPartitionReassignmentsRequest = Infer<typeof AlterPartitionReassignmentsRequest>

export const AlterPartitionReassignmentsResponse = message('AlterPartitionReassignmentsResponse', '0-1', '0+', {
  throttleTimeMs: int32(),
  allowReplicationFactorChange: bool('1+', { default: true, ignorable: true }),
  errorCode: int16(),
  errorMessage: string({ nullable: true }),
  responses: array({
    name: string(),
    partitions: array({ partitionIndex: int32(), errorCode: int16(), errorMessage: string({ nullable: true }) }),
  }),
})
export type AlterPartitionReassignmentsResponse = Infer<typeof AlterPartitionReassignmentsResponse>

export const AlterPartitionReassignments = api(
  45,
  'AlterPartitionReassignments',
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse,
)
