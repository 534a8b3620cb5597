import { api } from '../api.ts'
import { array, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Moves the start of partitions forward: what lies before is gone. */

export const DeleteRecordsRequest = message('DeleteRecordsRequest', '0-2', '2+', {
  topics: array({
    name: string(),
    partitions: array({ partitionIndex: int32(), offset: int64() }),
  }),
  timeoutMs: int32(),
})
export type DeleteRecordsRequest = Infer<typeof DeleteRecordsRequest>

export const DeleteRecordsResponse = message('DeleteRecordsResponse', '0-2', '2+', {
  throttleTimeMs: int32(),
  topics: array({
    name: string(),
    partitions: array({ partitionIndex: int32(), lowWatermark: int64(), errorCode: int16() }),
  }),
})
export type DeleteRecordsResponse = Infer<typeof DeleteRecordsResponse>

export const DeleteRecords = api(21, 'DeleteRecords', DeleteRecordsRequest, DeleteRecordsResponse)
