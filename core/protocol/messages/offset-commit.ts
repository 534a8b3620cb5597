import { api } from '../api.ts'
import { array, int16, int32, int64, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Stores the positions of a consumer group. */

export const OffsetCommitRequest = message('OffsetCommitRequest', '0-10', '8+', {
  groupId: string(),
  generationIdOrMemberEpoch: int32('1+', { default: -1, ignorable: true }),
  memberId: string('1+', { ignorable: true }),
  groupInstanceId: string('7+', { nullable: true, default: null }),
  retentionTimeMs: int64('2-4', { default: -1, ignorable: true }),
  topics: array({
    name: string('0-9', { ignorable: true }),
    topicId: uuid('10+', { ignorable: true }),
    partitions: array({
      partitionIndex: int32(),
      committedOffset: int64(),
      committedLeaderEpoch: int32('6+', { default: -1, ignorable: true }),
      commitTimestamp: int64('1', { default: -1 }),
      committedMetadata: string({ nullable: true }),
    }),
  }),
})
export type OffsetCommitRequest = Infer<typeof OffsetCommitRequest>

export const OffsetCommitResponse = message('OffsetCommitResponse', '0-10', '8+', {
  throttleTimeMs: int32('3+', { ignorable: true }),
  topics: array({
    name: string('0-9', { ignorable: true }),
    topicId: uuid('10+', { ignorable: true }),
    partitions: array({ partitionIndex: int32(), errorCode: int16() }),
  }),
})
export type OffsetCommitResponse = Infer<typeof OffsetCommitResponse>

export const OffsetCommit = api(8, 'OffsetCommit', OffsetCommitRequest, OffsetCommitResponse)
