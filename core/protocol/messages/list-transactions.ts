import { api } from '../api.ts'
import { array, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** The transactions that a broker coordinates (KIP-664). */

export const ListTransactionsRequest = message('ListTransactionsRequest', '0-2', '0+', {
  stateFilters: array(string()),
  producerIdFilters: array(int64()),
  durationFilter: int64('1+', { default: -1 }),
  transactionalIdPattern: string('2+', { nullable: true, default: null }),
})
export type ListTransactionsRequest = Infer<typeof ListTransactionsRequest>

export const ListTransactionsResponse = message('ListTransactionsResponse', '0-2', '0+', {
  throttleTimeMs: int32(),
  errorCode: int16(),
  unknownStateFilters: array(string()),
  transactionStates: array({ transactionalId: string(), producerId: int64(), transactionState: string() }),
})
export type ListTransactionsResponse = Infer<typeof ListTransactionsResponse>

export const ListTransactions = api(66, 'ListTransactions', ListTransactionsRequest, ListTransactionsResponse)
