import { api } from '../api.ts'
import { array, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Where the records of a leader epoch end: finds divergence after a change of leader (KIP-101, KIP-320). */

export const OffsetForLeaderEpochRequest = message('OffsetForLeaderEpochRequest', '0-4', '4+', {
  replicaId: int32('3+', { default: -2, ignorable: true }),
  topics: array({
    topic: string(),
    partitions: array({
      partition: int32(),
      currentLeaderEpoch: int32('2+', { default: -1, ignorable: true }),
      leaderEpoch: int32(),
    }),
  }),
})
export type OffsetForLeaderEpochRequest = Infer<typeof OffsetForLeaderEpochRequest>

export const OffsetForLeaderEpochResponse = message('OffsetForLeaderEpochResponse', '0-4', '4+', {
  throttleTimeMs: int32('2+', { ignorable: true }),
  topics: array({
    topic: string(),
    partitions: array({
      errorCode: int16(),
      partition: int32(),
      leaderEpoch: int32('1+', { default: -1, ignorable: true }),
      endOffset: int64({ default: -1 }),
    }),
  }),
})
export type OffsetForLeaderEpochResponse = Infer<typeof OffsetForLeaderEpochResponse>

export const OffsetForLeaderEpoch = api(23, 'OffsetForLeaderEpoch', OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse)
