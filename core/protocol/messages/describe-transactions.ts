import { api } from '../api.ts'
import { array, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** The state of transactions (KIP-664). */

export const DescribeTransactionsRequest = message('DescribeTransactionsRequest', '0', '0+', {
  transactionalIds: array(string()),
})
export type DescribeTransactionsRequest = Infer<typeof DescribeTransactionsRequest>

export const DescribeTransactionsResponse = message('DescribeTransactionsResponse', '0', '0+', {
  throttleTimeMs: int32(),
  transactionStates: array({
    errorCode: int16(),
    transactionalId: string(),
    transactionState: string(),
    transactionTimeoutMs: int32(),
    transactionStartTimeMs: int64(),
    producerId: int64(),
    producerEpoch: int16(),
    topics: array({ topic: string(), partitions: array(int32()) }),
  }),
})
export type DescribeTransactionsResponse = Infer<typeof DescribeTransactionsResponse>

export const DescribeTransactions = api(65, 'DescribeTransactions', DescribeTransactionsRequest, DescribeTransactionsResponse)
