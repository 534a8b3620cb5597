import { api } from '../api.ts'
import { bool, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Gives a producer its id and epoch, and fences its predecessors when it has a transactional id (KIP-98, KIP-360; version 6 KIP-939). */

export const InitProducerIdRequest = message('InitProducerIdRequest', '0-6', '2+', {
  transactionalId: string({ nullable: true }),
  transactionTimeoutMs: int32(),
  producerId: int64('3+', { default: -1 }),
  producerEpoch: int16('3+', { default: -1 }),
  enable2Pc: bool('6+', { default: false }),
  keepPreparedTxn: bool('6+', { default: false }),
})
export type InitProducerIdRequest = Infer<typeof InitProducerIdRequest>

export const InitProducerIdResponse = message('InitProducerIdResponse', '0-6', '2+', {
  throttleTimeMs: int32({ ignorable: true }),
  errorCode: int16(),
  producerId: int64({ default: -1 }),
  producerEpoch: int16(),
  ongoingTxnProducerId: int64('6+', { default: -1 }),
  ongoingTxnProducerEpoch: int16('6+', { default: -1 }),
})
export type InitProducerIdResponse = Infer<typeof InitProducerIdResponse>

export const InitProducerId = api(22, 'InitProducerId', InitProducerIdRequest, InitProducerIdResponse)
