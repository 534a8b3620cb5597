import { api } from '../api.ts'
import { array, bytes, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** The delegation tokens that we may see (KIP-48). */

export const DescribeDelegationTokenRequest = message('DescribeDelegationTokenRequest', '0-3', '2+', {
  owners: array({ principalType: string(), principalName: string() }, { nullable: true }),
})
export type DescribeDelegationTokenRequest = Infer<typeof DescribeDelegationTokenRequest>

export const DescribeDelegationTokenResponse = message('DescribeDelegationTokenResponse', '0-3', '2+', {
  errorCode: int16(),
  tokens: array({
    principalType: string(),
    principalName: string(),
    tokenRequesterPrincipalType: string('3+'),
    tokenRequesterPrincipalName: string('3+'),
    issueTimestamp: int64(),
    expiryTimestamp: int64(),
    maxTimestamp: int64(),
    tokenId: string(),
    hmac: bytes(),
    renewers: array({ principalType: string(), principalName: string() }),
  }),
  throttleTimeMs: int32(),
})
export type DescribeDelegationTokenResponse = Infer<typeof DescribeDelegationTokenResponse>

export const DescribeDelegationToken = api(41, 'DescribeDelegationToken', DescribeDelegationTokenRequest, DescribeDelegationTokenResponse)
