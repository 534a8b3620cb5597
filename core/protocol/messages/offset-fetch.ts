import { api } from '../api.ts'
import { array, bool, int16, int32, int64, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Reads the positions of consumer groups; from version 8 on of several groups at once (KIP-709). */

export const OffsetFetchRequest = message('OffsetFetchRequest', '0-10', '6+', {
  groupId: string('0-7'),
  topics: array({ name: string(), partitionIndexes: array(int32()) }, '0-7', { nullable: '2-7' }),
  groups: array(
    {
      groupId: string(),
      memberId: string('9+', { nullable: true, default: null, ignorable: true }),
      memberEpoch: int32('9+', { default: -1, ignorable: true }),
      topics: array(
        {
          name: string('8-9', { ignorable: true }),
          topicId: uuid('10+', { ignorable: true }),
          partitionIndexes: array(int32()),
        },
        { nullable: true },
      ),
    },
    '8+',
  ),
  requireStable: bool('7+', { default: false }),
})
export type OffsetFetchRequest = Infer<typeof OffsetFetchRequest>

export const OffsetFetchResponse = message('OffsetFetchResponse', '0-10', '6+', {
  throttleTimeMs: int32('3+', { ignorable: true }),
  topics: array(
    {
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32('5-7', { default: -1, ignorable: true }),
        metadata: string({ nullable: true }),
        errorCode: int16(),
      }),
    },
    '0-7',
  ),
  errorCode: int16('2-7', { default: 0, ignorable: true }),
  groups: array(
    {
      groupId: string(),
      topics: array({
        name: string('8-9', { ignorable: true }),
        topicId: uuid('10+', { ignorable: true }),
        partitions: array({
          partitionIndex: int32(),
          committedOffset: int64(),
          committedLeaderEpoch: int32({ default: -1, ignorable: true }),
          metadata: string({ nullable: true }),
          errorCode: int16(),
        }),
      }),
      errorCode: int16({ default: 0 }),
    },
    '8+',
  ),
})
export type OffsetFetchResponse = Infer<typeof OffsetFetchResponse>

export const OffsetFetch = api(9, 'OffsetFetch', OffsetFetchRequest, OffsetFetchResponse)
