import { api } from '../api.ts'
import { array, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Deletes positions of a group. Never flexible. */

export const OffsetDeleteRequest = message('OffsetDeleteRequest', '0', 'none', {
  groupId: string(),
  topics: array({
    name: string(),
    partitions: array({ partitionIndex: int32() }),
  }),
})
export type OffsetDeleteRequest = Infer<typeof OffsetDeleteRequest>

export const OffsetDeleteResponse = message('OffsetDeleteResponse', '0', 'none', {
  errorCode: int16(),
  throttleTimeMs: int32({ ignorable: true }),
  topics: array({
    name: string(),
    partitions: array({ partitionIndex: int32(), errorCode: int16() }),
  }),
})
export type OffsetDeleteResponse = Infer<typeof OffsetDeleteResponse>

export const OffsetDelete = api(47, 'OffsetDelete', OffsetDeleteRequest, OffsetDeleteResponse)
