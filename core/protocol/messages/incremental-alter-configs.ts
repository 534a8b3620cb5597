import { api } from '../api.ts'
import { array, bool, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Changes settings one by one: operation 0 set, 1 delete, 2 append, 3 subtract (KIP-339). */

export const IncrementalAlterConfigsRequest = message('IncrementalAlterConfigsRequest', '0-1', '1+', {
  resources: array({
    resourceType: int8(),
    resourceName: string(),
    configs: array({ name: string(), configOperation: int8(), value: string({ nullable: true }) }),
  }),
  validateOnly: bool(),
})
export type IncrementalAlterConfigsRequest = Infer<typeof IncrementalAlterConfigsRequest>

export const IncrementalAlterConfigsResponse = message('IncrementalAlterConfigsResponse', '0-1', '1+', {
  throttleTimeMs: int32(),
  responses: array({
    errorCode: int16(),
    errorMessage: string({ nullable: true }),
    resourceType: int8(),
    resourceName: string(),
  }),
})
export type IncrementalAlterConfigsResponse = Infer<typeof IncrementalAlterConfigsResponse>

export const IncrementalAlterConfigs = api(44, 'IncrementalAlterConfigs', IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse)
