import { api } from '../api.ts'
import { array, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** The idempotent and transactional producers that a partition remembers (KIP-664). */

export const DescribeProducersRequest = message('DescribeProducersRequest', '0', '0+', {
  topics: array({ name: string(), partitionIndexes: array(int32()) }),
})
export type DescribeProducersRequest = Infer<typeof DescribeProducersRequest>

export const DescribeProducersResponse = message('DescribeProducersResponse', '0', '0+', {
  throttleTimeMs: int32(),
  topics: array({
    name: string(),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: true, default: null }),
      activeProducers: array({
        producerId: int64(),
        producerEpoch: int32(),
        lastSequence: int32({ default: -1 }),
        lastTimestamp: int64({ default: -1 }),
        coordinatorEpoch: int32(),
        currentTxnStartOffset: int64({ default: -1 }),
      }),
    }),
  }),
})
export type DescribeProducersResponse = Infer<typeof DescribeProducersResponse>

export const DescribeProducers = api(61, 'DescribeProducers', DescribeProducersRequest, DescribeProducersResponse)
