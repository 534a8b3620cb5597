import { api } from '../api.ts'
import { array, bytes, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** The leader of a classic group hands over the assignment, everybody gets their part. */

export const SyncGroupRequest = message('SyncGroupRequest', '0-5', '4+', {
  groupId: string(),
  generationId: int32(),
  memberId: string(),
  groupInstanceId: string('3+', { nullable: true, default: null }),
  protocolType: string('5+', { nullable: true, default: null, ignorable: true }),
  protocolName: string('5+', { nullable: true, default: null, ignorable: true }),
  assignments: array({ memberId: string(), assignment: bytes() }),
})
export type SyncGroupRequest = Infer<typeof SyncGroupRequest>

export const SyncGroupResponse = message('SyncGroupResponse', '0-5', '4+', {
  throttleTimeMs: int32('1+', { ignorable: true }),
  errorCode: int16(),
  protocolType: string('5+', { nullable: true, default: null, ignorable: true }),
  protocolName: string('5+', { nullable: true, default: null, ignorable: true }),
  assignment: bytes(),
})
export type SyncGroupResponse = Infer<typeof SyncGroupResponse>

export const SyncGroup = api(14, 'SyncGroup', SyncGroupRequest, SyncGroupResponse)
