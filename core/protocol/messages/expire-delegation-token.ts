import { api } from '../api.ts'
import { bytes, int16, int32, int64, message } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Lets a delegation token live shorter, or ends it (KIP-48). */

export const ExpireDelegationTokenRequest = message('ExpireDelegationTokenRequest', '0-2', '2+', {
  hmac: bytes(),
  expiryTimePeriodMs: int64(),
})
export type ExpireDelegationTokenRequest = Infer<typeof ExpireDelegationTokenRequest>

export const ExpireDelegationTokenResponse = message('ExpireDelegationTokenResponse', '0-2', '2+', {
  errorCode: int16(),
  expiryTimestampMs: int64(),
  throttleTimeMs: int32(),
})
export type ExpireDelegationTokenResponse = Infer<typeof ExpireDelegationTokenResponse>

export const ExpireDelegationToken = api(40, 'ExpireDelegationToken', ExpireDelegationTokenRequest, ExpireDelegationTokenResponse)
