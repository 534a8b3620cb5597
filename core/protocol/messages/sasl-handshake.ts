import { api } from '../api.ts'
import { array, int16, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Chooses a SASL mechanism. Never flexible. */

export const SaslHandshakeRequest = message('SaslHandshakeRequest', '0-1', 'none', {
  mechanism: string(),
})
export type SaslHandshakeRequest = Infer<typeof SaslHandshakeRequest>

export const SaslHandshakeResponse = message('SaslHandshakeResponse', '0-1', 'none', {
  errorCode: int16(),
  mechanisms: array(string()),
})
export type SaslHandshakeResponse = Infer<typeof SaslHandshakeResponse>

export const SaslHandshake = api(17, 'SaslHandshake', SaslHandshakeRequest, SaslHandshakeResponse)
