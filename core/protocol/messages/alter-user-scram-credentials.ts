import { api } from '../api.ts'
import { array, bytes, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Sets and removes what users log in with by SCRAM. The password itself is never sent, only its salted hash. */

export const AlterUserScramCredentialsRequest = message('AlterUserScramCredentialsRequest', '0', '0+', {
  deletions: array({ name: string(), mechanism: int8() }),
  upsertions: array({ name: string(), mechanism: int8(), iterations: int32(), salt: bytes(), saltedPassword: bytes() }),
})
export type AlterUserScramCredentialsRequest = Infer<typeof AlterUserScramCredentialsRequest>

export const AlterUserScramCredentialsResponse = message('AlterUserScramCredentialsResponse', '0', '0+', {
  throttleTimeMs: int32(),
  results: array({ user: string(), errorCode: int16(), errorMessage: string({ nullable: true }) }),
})
export type AlterUserScramCredentialsResponse = Infer<typeof AlterUserScramCredentialsResponse>

export const AlterUserScramCredentials = api(
  51,
  'AlterUserScramCredentials',
  AlterUserScramCredentialsRequest,
  AlterUserScramCredentialsResponse,
)
