import { api } from '../api.ts'
import { array, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Names the broker that coordinates a group (key type 0) or a transactional id (1); from version 4 on for several keys at once. */

export const FindCoordinatorRequest = message('FindCoordinatorRequest', '0-6', '3+', {
  key: string('0-3'),
  keyType: int8('1+', { default: 0 }),
  coordinatorKeys: array(string(), '4+'),
})
export type FindCoordinatorRequest = Infer<typeof FindCoordinatorRequest>

export const FindCoordinatorResponse = message('FindCoordinatorResponse', '0-6', '3+', {
  throttleTimeMs: int32('1+', { ignorable: true }),
  errorCode: int16('0-3'),
  errorMessage: string('1-3', { nullable: true, ignorable: true }),
  nodeId: int32('0-3'),
  host: string('0-3'),
  port: int32('0-3'),
  coordinators: array(
    {
      key: string(),
      nodeId: int32(),
      host: string(),
      port: int32(),
      errorCode: int16(),
      errorMessage: string({ nullable: true, ignorable: true }),
    },
    '4+',
  ),
})
export type FindCoordinatorResponse = Infer<typeof FindCoordinatorResponse>

export const FindCoordinator = api(10, 'FindCoordinator', FindCoordinatorRequest, FindCoordinatorResponse)
