import { api } from '../api.ts'
import { array, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Which resources have settings (KIP-1142); version 0 knows client metrics only (KIP-714). */

export const ListConfigResourcesRequest = message('ListConfigResourcesRequest', '0-1', '0+', {
  resourceTypes: array(int8(), '1+'),
})
export type ListConfigResourcesRequest = Infer<typeof ListConfigResourcesRequest>

export const ListConfigResourcesResponse = message('ListConfigResourcesResponse', '0-1', '0+', {
  throttleTimeMs: int32(),
  errorCode: int16(),
  configResources: array({ resourceName: string(), resourceType: int8('1+', { default: 16, ignorable: true }) }),
})
export type ListConfigResourcesResponse = Infer<typeof ListConfigResourcesResponse>

export const ListConfigResources = api(74, 'ListConfigResources', ListConfigResourcesRequest, ListConfigResourcesResponse)
