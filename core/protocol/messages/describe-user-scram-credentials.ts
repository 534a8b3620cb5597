import { api } from '../api.ts'
import { array, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Who can log in with SCRAM, by which mechanism; never a secret. */

export const DescribeUserScramCredentialsRequest = message('DescribeUserScramCredentialsRequest', '0', '0+', {
  users: array({ name: string() }, { nullable: true }),
})
export type DescribeUserScramCredentialsRequest = Infer<typeof DescribeUserScramCredentialsRequest>

export const DescribeUserScramCredentialsResponse = message('DescribeUserScramCredentialsResponse', '0', '0+', {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: true }),
  results: array({
    user: string(),
    errorCode: int16(),
    errorMessage: string({ nullable: true }),
    credentialInfos: array({ mechanism: int8(), iterations: int32() }),
  }),
})
export type DescribeUserScramCredentialsResponse = Infer<typeof DescribeUserScramCredentialsResponse>

export const DescribeUserScramCredentials = api(
  50,
  'DescribeUserScramCredentials',
  DescribeUserScramCredentialsRequest,
  DescribeUserScramCredentialsResponse,
)
