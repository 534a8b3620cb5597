import { api } from '../api.ts'
import { int16, int32, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Takes a broker out of the cluster (KIP-631). */

export const UnregisterBrokerRequest = message('UnregisterBrokerRequest', '0', '0+', {
  brokerId: int32(),
})
export type UnregisterBrokerRequest = Infer<typeof UnregisterBrokerRequest>

export const UnregisterBrokerResponse = message('UnregisterBrokerResponse', '0', '0+', {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: true }),
})
export type UnregisterBrokerResponse = Infer<typeof UnregisterBrokerResponse>

export const UnregisterBroker = api(64, 'UnregisterBroker', UnregisterBrokerRequest, UnregisterBrokerResponse)
