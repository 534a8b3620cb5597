import { api } from '../api.ts'
import { array, bool, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Replaces all settings of a resource; IncrementalAlterConfigs changes single ones. */

export const AlterConfigsRequest = message('AlterConfigsRequest', '0-2', '2+', {
  resources: array({
    resourceType: int8(),
    resourceName: string(),
    configs: array({ name: string(), value: string({ nullable: true }) }),
  }),
  validateOnly: bool(),
})
export type AlterConfigsRequest = Infer<typeof AlterConfigsRequest>

export const AlterConfigsResponse = message('AlterConfigsResponse', '0-2', '2+', {
  throttleTimeMs: int32(),
  responses: array({
    errorCode: int16(),
    errorMessage: string({ nullable: true }),
    resourceType: int8(),
    resourceName: string(),
  }),
})
export type AlterConfigsResponse = Infer<typeof AlterConfigsResponse>

export const AlterConfigs = api(33, 'AlterConfigs', AlterConfigsRequest, AlterConfigsResponse)
