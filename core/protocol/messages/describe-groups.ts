import { api } from '../api.ts'
import { array, bool, bytes, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** The state and the members of classic groups. */

export const DescribeGroupsRequest = message('DescribeGroupsRequest', '0-6', '5+', {
  groups: array(string()),
  includeAuthorizedOperations: bool('3+'),
})
export type DescribeGroupsRequest = Infer<typeof DescribeGroupsRequest>

export const DescribeGroupsResponse = message('DescribeGroupsResponse', '0-6', '5+', {
  throttleTimeMs: int32('1+', { ignorable: true }),
  groups: array({
    errorCode: int16(),
    errorMessage: string('6+', { nullable: true, default: null }),
    groupId: string(),
    groupState: string(),
    protocolType: string(),
    protocolData: string(),
    members: array({
      memberId: string(),
      groupInstanceId: string('4+', { nullable: true, default: null, ignorable: true }),
      clientId: string(),
      clientHost: string(),
      memberMetadata: bytes(),
      memberAssignment: bytes(),
    }),
    authorizedOperations: int32('3+', { default: -0x8000_0000 }),
  }),
})
export type DescribeGroupsResponse = Infer<typeof DescribeGroupsResponse>

export const DescribeGroups = api(15, 'DescribeGroups', DescribeGroupsRequest, DescribeGroupsResponse)
