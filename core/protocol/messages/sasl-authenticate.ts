import { api } from '../api.ts'
import { bytes, int16, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** One step of a SASL exchange. */

export const SaslAuthenticateRequest = message('SaslAuthenticateRequest', '0-2', '2+', {
  authBytes: bytes(),
})
export type SaslAuthenticateRequest = Infer<typeof SaslAuthenticateRequest>

export const SaslAuthenticateResponse = message('SaslAuthenticateResponse', '0-2', '2+', {
  errorCode: int16(),
  errorMessage: string({ nullable: true }),
  authBytes: bytes(),
  sessionLifetimeMs: int64('1+', { default: 0, ignorable: true }),
})
export type SaslAuthenticateResponse = Infer<typeof SaslAuthenticateResponse>

export const SaslAuthenticate = api(36, 'SaslAuthenticate', SaslAuthenticateRequest, SaslAuthenticateResponse)
