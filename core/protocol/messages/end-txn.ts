import { api } from '../api.ts'
import { bool, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Commits or aborts a transaction; version 5 answers with the next epoch (KIP-890). */

export const EndTxnRequest = message('EndTxnRequest', '0-5', '3+', {
  transactionalId: string(),
  producerId: int64(),
  producerEpoch: int16(),
  committed: bool(),
})
export type EndTxnRequest = Infer<typeof EndTxnRequest>

export const EndTxnResponse = message('EndTxnResponse', '0-5', '3+', {
  throttleTimeMs: int32(),
  errorCode: int16(),
  producerId: int64('5+', { default: -1, ignorable: true }),
  producerEpoch: int16('5+', { default: -1, ignorable: true }),
})
export type EndTxnResponse = Infer<typeof EndTxnResponse>

export const EndTxn = api(26, 'EndTxn', EndTxnRequest, EndTxnResponse)
