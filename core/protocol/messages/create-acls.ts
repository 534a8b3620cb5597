import { api } from '../api.ts'
import { array, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** New access control entries. */

export const CreateAclsRequest = message('CreateAclsRequest', '0-3', '2+', {
  creations: array({
    resourceType: int8(),
    resourceName: string(),
    resourcePatternType: int8('1+', { default: 3 }),
    principal: string(),
    host: string(),
    operation: int8(),
    permissionType: int8(),
  }),
})
export type CreateAclsRequest = Infer<typeof CreateAclsRequest>

export const CreateAclsResponse = message('CreateAclsResponse', '0-3', '2+', {
  throttleTimeMs: int32(),
  results: array({ errorCode: int16(), errorMessage: string({ nullable: true }) }),
})
export type CreateAclsResponse = Infer<typeof CreateAclsResponse>

export const CreateAcls = api(30, 'CreateAcls', CreateAclsRequest, CreateAclsResponse)
