import { api } from '../api.ts'
import { int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** A member of a classic group is alive, and learns of a rebalance. */

export const HeartbeatRequest = message('HeartbeatRequest', '0-4', '4+', {
  groupId: string(),
  generationId: int32(),
  memberId: string(),
  groupInstanceId: string('3+', { nullable: true, default: null }),
})
export type HeartbeatRequest = Infer<typeof HeartbeatRequest>

export const HeartbeatResponse = message('HeartbeatResponse', '0-4', '4+', {
  throttleTimeMs: int32('1+', { ignorable: true }),
  errorCode: int16(),
})
export type HeartbeatResponse = Infer<typeof HeartbeatResponse>

export const Heartbeat = api(12, 'Heartbeat', HeartbeatRequest, HeartbeatResponse)
