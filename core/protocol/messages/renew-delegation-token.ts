import { api } from '../api.ts'
import { bytes, int16, int32, int64, message } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Lets a delegation token live longer (KIP-48). */

export const RenewDelegationTokenRequest = message('RenewDelegationTokenRequest', '0-2', '2+', { hmac: bytes(), renewPeriodMs: int64() })
export type RenewDelegationTokenRequest = Infer<typeof RenewDelegationTokenRequest>

export const RenewDelegationTokenResponse = message('RenewDelegationTokenResponse', '0-2', '2+', {
  errorCode: int16(),
  expiryTimestampMs: int64(),
  throttleTimeMs: int32(),
})
export type RenewDelegationTokenResponse = Infer<typeof RenewDelegationTokenResponse>

export const RenewDelegationToken = api(39, 'RenewDelegationToken', RenewDelegationTokenRequest, RenewDelegationTokenResponse)
