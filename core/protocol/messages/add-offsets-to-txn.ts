import { api } from '../api.ts'
import { int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Makes the offsets of a group part of a transaction. */

export const AddOffsetsToTxnRequest = message('AddOffsetsToTxnRequest', '0-4', '3+', {
  transactionalId: string(),
  producerId: int64(),
  producerEpoch: int16(),
  groupId: string(),
})
export type AddOffsetsToTxnRequest = Infer<typeof AddOffsetsToTxnRequest>

export const AddOffsetsToTxnResponse = message('AddOffsetsToTxnResponse', '0-4', '3+', {
  throttleTimeMs: int32(),
  errorCode: int16(),
})
export type AddOffsetsToTxnResponse = Infer<typeof AddOffsetsToTxnResponse>

export const AddOffsetsToTxn = api(25, 'AddOffsetsToTxn', AddOffsetsToTxnRequest, AddOffsetsToTxnResponse)
