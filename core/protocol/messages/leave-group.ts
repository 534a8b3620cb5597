import { api } from '../api.ts'
import { array, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Members leave a classic group; from version 3 on several at once. */

export const LeaveGroupRequest = message('LeaveGroupRequest', '0-5', '4+', {
  groupId: string(),
  memberId: string('0-2'),
  members: array(
    {
      memberId: string(),
      groupInstanceId: string({ nullable: true, default: null }),
      reason: string('5+', { nullable: true, default: null, ignorable: true }),
    },
    '3+',
  ),
})
export type LeaveGroupRequest = Infer<typeof LeaveGroupRequest>

export const LeaveGroupResponse = message('LeaveGroupResponse', '0-5', '4+', {
  throttleTimeMs: int32('1+', { ignorable: true }),
  errorCode: int16(),
  members: array({ memberId: string(), groupInstanceId: string({ nullable: true }), errorCode: int16() }, '3+'),
})
export type LeaveGroupResponse = Infer<typeof LeaveGroupResponse>

export const LeaveGroup = api(13, 'LeaveGroup', LeaveGroupRequest, LeaveGroupResponse)
