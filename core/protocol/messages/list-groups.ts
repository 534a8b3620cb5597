import { api } from '../api.ts'
import { array, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** The groups that a broker coordinates. */

export const ListGroupsRequest = message('ListGroupsRequest', '0-5', '3+', {
  statesFilter: array(string(), '4+'),
  typesFilter: array(string(), '5+'),
})
export type ListGroupsRequest = Infer<typeof ListGroupsRequest>

export const ListGroupsResponse = message('ListGroupsResponse', '0-5', '3+', {
  throttleTimeMs: int32('1+', { ignorable: true }),
  errorCode: int16(),
  groups: array({
    groupId: string(),
    protocolType: string(),
    groupState: string('4+', { ignorable: true }),
    groupType: string('5+', { ignorable: true }),
  }),
})
export type ListGroupsResponse = Infer<typeof ListGroupsResponse>

export const ListGroups = api(16, 'ListGroups', ListGroupsRequest, ListGroupsResponse)
