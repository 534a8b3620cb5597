import { api } from '../api.ts'
import { array, bool, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Gives topics more partitions. */

export const CreatePartitionsRequest = message('CreatePartitionsRequest', '0-3', '2+', {
  topics: array({
    name: string(),
    count: int32(),
    assignments: array({ brokerIds: array(int32()) }, { nullable: true }),
  }),
  timeoutMs: int32(),
  validateOnly: bool(),
})
export type CreatePartitionsRequest = Infer<typeof CreatePartitionsRequest>

export const CreatePartitionsResponse = message('CreatePartitionsResponse', '0-3', '2+', {
  throttleTimeMs: int32(),
  results: array({
    name: string(),
    errorCode: int16(),
    errorMessage: string({ nullable: true, default: null }),
  }),
})
export type CreatePartitionsResponse = Infer<typeof CreatePartitionsResponse>

export const CreatePartitions = api(37, 'CreatePartitions', CreatePartitionsRequest, CreatePartitionsResponse)
