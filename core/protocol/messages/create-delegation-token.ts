import { api } from '../api.ts'
import { array, bytes, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** A token that logs in in place of its owner (KIP-48); version 3 for somebody else (KIP-373). */

export const CreateDelegationTokenRequest = message('CreateDelegationTokenRequest', '0-3', '2+', {
  ownerPrincipalType: string('3+', { nullable: true }),
  ownerPrincipalName: string('3+', { nullable: true }),
  renewers: array({ principalType: string(), principalName: string() }),
  maxLifetimeMs: int64(),
})
export type CreateDelegationTokenRequest = Infer<typeof CreateDelegationTokenRequest>

export const CreateDelegationTokenResponse = message('CreateDelegationTokenResponse', '0-3', '2+', {
  errorCode: int16(),
  principalType: string(),
  principalName: string(),
  tokenRequesterPrincipalType: string('3+'),
  tokenRequesterPrincipalName: string('3+'),
  issueTimestampMs: int64(),
  expiryTimestampMs: int64(),
  maxTimestampMs: int64(),
  tokenId: string(),
  hmac: bytes(),
  throttleTimeMs: int32(),
})
export type CreateDelegationTokenResponse = Infer<typeof CreateDelegationTokenResponse>

export const CreateDelegationToken = api(38, 'CreateDelegationToken', CreateDelegationTokenRequest, CreateDelegationTokenResponse)
