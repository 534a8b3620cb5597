import { api } from '../api.ts'
import { array, bool, bytes, int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** A member enters a round of the classic rebalance protocol. */

export const JoinGroupRequest = message('JoinGroupRequest', '0-9', '6+', {
  groupId: string(),
  sessionTimeoutMs: int32(),
  rebalanceTimeoutMs: int32('1+', { default: -1, ignorable: true }),
  memberId: string(),
  groupInstanceId: string('5+', { nullable: true, default: null }),
  protocolType: string(),
  protocols: array({ name: string(), metadata: bytes() }),
  reason: string('8+', { nullable: true, default: null, ignorable: true }),
})
export type JoinGroupRequest = Infer<typeof JoinGroupRequest>

export const JoinGroupResponse = message('JoinGroupResponse', '0-9', '6+', {
  throttleTimeMs: int32('2+', { ignorable: true }),
  errorCode: int16(),
  generationId: int32({ default: -1 }),
  protocolType: string('7+', { nullable: true, default: null, ignorable: true }),
  protocolName: string({ nullable: '7+' }),
  leader: string(),
  skipAssignment: bool('9+', { default: false }),
  memberId: string(),
  members: array({
    memberId: string(),
    groupInstanceId: string('5+', { nullable: true, default: null, ignorable: true }),
    metadata: bytes(),
  }),
})
export type JoinGroupResponse = Infer<typeof JoinGroupResponse>

export const JoinGroup = api(11, 'JoinGroup', JoinGroupRequest, JoinGroupResponse)
