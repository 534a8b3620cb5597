import { api } from '../api.ts'
import { array, bool, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** The cluster id, the controller and the brokers (KIP-700). */

export const DescribeClusterRequest = message('DescribeClusterRequest', '0-2', '0+', {
  includeClusterAuthorizedOperations: bool(),
  endpointType: int8('1+', { default: 1 }),
  includeFencedBrokers: bool('2+'),
})
export type DescribeClusterRequest = Infer<typeof DescribeClusterRequest>

export const DescribeClusterResponse = message('DescribeClusterResponse', '0-2', '0+', {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: true, default: null }),
  endpointType: int8('1+', { default: 1 }),
  clusterId: string(),
  controllerId: int32({ default: -1 }),
  brokers: array({
    brokerId: int32(),
    host: string(),
    port: int32(),
    rack: string({ nullable: true, default: null }),
    isFenced: bool('2+'),
  }),
  clusterAuthorizedOperations: int32({ default: -0x8000_0000 }),
})
export type DescribeClusterResponse = Infer<typeof DescribeClusterResponse>

export const DescribeCluster = api(60, 'DescribeCluster', DescribeClusterRequest, DescribeClusterResponse)
