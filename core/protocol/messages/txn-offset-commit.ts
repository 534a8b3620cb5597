import { api } from '../api.ts'
import { array, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Stores positions of a group that count once the transaction commits (KIP-98, KIP-447). */

export const TxnOffsetCommitRequest = message('TxnOffsetCommitRequest', '0-5', '3+', {
  transactionalId: string(),
  groupId: string(),
  producerId: int64(),
  producerEpoch: int16(),
  generationId: int32('3+', { default: -1 }),
  memberId: string('3+', { default: '' }),
  groupInstanceId: string('3+', { nullable: true, default: null }),
  topics: array({
    name: string(),
    partitions: array({
      partitionIndex: int32(),
      committedOffset: int64(),
      committedLeaderEpoch: int32('2+', { default: -1, ignorable: true }),
      committedMetadata: string({ nullable: true }),
    }),
  }),
})
export type TxnOffsetCommitRequest = Infer<typeof TxnOffsetCommitRequest>

export const TxnOffsetCommitResponse = message('TxnOffsetCommitResponse', '0-5', '3+', {
  throttleTimeMs: int32(),
  topics: array({
    name: string(),
    partitions: array({ partitionIndex: int32(), errorCode: int16() }),
  }),
})
export type TxnOffsetCommitResponse = Infer<typeof TxnOffsetCommitResponse>

export const TxnOffsetCommit = api(28, 'TxnOffsetCommit', TxnOffsetCommitRequest, TxnOffsetCommitResponse)
