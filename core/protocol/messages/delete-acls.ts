import { api } from '../api.ts'
import { array, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Takes away the access control entries that match filters. */

export const DeleteAclsRequest = message('DeleteAclsRequest', '0-3', '2+', {
  filters: array({
    resourceTypeFilter: int8(),
    resourceNameFilter: string({ nullable: true }),
    patternTypeFilter: int8('1+', { default: 3 }),
    principalFilter: string({ nullable: true }),
    hostFilter: string({ nullable: true }),
    operation: int8(),
    permissionType: int8(),
  }),
})
export type DeleteAclsRequest = Infer<typeof DeleteAclsRequest>

export const DeleteAclsResponse = message('DeleteAclsResponse', '0-3', '2+', {
  throttleTimeMs: int32(),
  filterResults: array({
    errorCode: int16(),
    errorMessage: string({ nullable: true }),
    matchingAcls: array({
      errorCode: int16(),
      errorMessage: string({ nullable: true }),
      resourceType: int8(),
      resourceName: string(),
      patternType: int8('1+', { default: 3 }),
      principal: string(),
      host: string(),
      operation: int8(),
      permissionType: int8(),
    }),
  }),
})
export type DeleteAclsResponse = Infer<typeof DeleteAclsResponse>

export const DeleteAcls = api(31, 'DeleteAcls', DeleteAclsRequest, DeleteAclsResponse)
