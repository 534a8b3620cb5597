import { api } from '../api.ts'
import { array, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** The access control entries that match a filter. */

export const DescribeAclsRequest = message('DescribeAclsRequest', '0-3', '2+', {
  resourceTypeFilter: int8(),
  resourceNameFilter: string({ nullable: true }),
  patternTypeFilter: int8('1+', { default: 3 }),
  principalFilter: string({ nullable: true }),
  hostFilter: string({ nullable: true }),
  operation: int8(),
  permissionType: int8(),
})
export type DescribeAclsRequest = Infer<typeof DescribeAclsRequest>

export const DescribeAclsResponse = message('DescribeAclsResponse', '0-3', '2+', {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: true }),
  resources: array({
    resourceType: int8(),
    resourceName: string(),
    patternType: int8('1+', { default: 3 }),
    acls: array({ principal: string(), host: string(), operation: int8(), permissionType: int8() }),
  }),
})
export type DescribeAclsResponse = Infer<typeof DescribeAclsResponse>

export const DescribeAcls = api(29, 'DescribeAcls', DescribeAclsRequest, DescribeAclsResponse)
