import { api } from '../api.ts'
import { array, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Deletes groups without members. */

export const DeleteGroupsRequest = message('DeleteGroupsRequest', '0-2', '2+', {
  groupsNames: array(string()),
})
export type DeleteGroupsRequest = Infer<typeof DeleteGroupsRequest>

export const DeleteGroupsResponse = message('DeleteGroupsResponse', '0-2', '2+', {
  throttleTimeMs: int32(),
  results: array({ groupId: string(), errorCode: int16() }),
})
export type DeleteGroupsResponse = Infer<typeof DeleteGroupsResponse>

export const DeleteGroups = api(42, 'DeleteGroups', DeleteGroupsRequest, DeleteGroupsResponse)
