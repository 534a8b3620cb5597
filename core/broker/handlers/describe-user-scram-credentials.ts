import { errorCode } from '../../protocol/errors.ts'
import type { KafkaErrorName } from '../../protocol/errors.ts'
import { DescribeUserScramCredentials } from '../../protocol/messages/describe-user-scram-credentials.ts'
import { scramMechanisms } from '../../security/scram.ts'
import { handler } from '../handler.ts'

/** DescribeUserScramCredentials 0 (KIP-554): who logs in by which mechanism, with how many iterations. */
export const describeUserScramCredentials = handler({
  api: DescribeUserScramCredentials,
  minVersion: 0,
  maxVersion: 0,
  handle(request, { broker }) {
    const known = broker.security.users()
    const asked = request.users === null || request.users.length === 0 ? [...known.keys()] : request.users.map(({ name }) => name)
    return {
      throttleTimeMs: 0,
      errorCode: 0,
      errorMessage: null,
      results: [...new Set(asked)].map((user) => {
        if (asked.indexOf(user) !== asked.lastIndexOf(user)) {
          return refused(
            user,
            'DUPLICATE_RESOURCE',
            `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`,
          )
        }
        const credentials = known.get(user)
        if (credentials === undefined) {
          return refused(user, 'RESOURCE_NOT_FOUND', `Attempt to describe a user credential that does not exist: ${user}`)
        }
        const infos = credentials.map(({ mechanism, iterations }) => ({ mechanism: scramMechanisms[mechanism].code, iterations }))
        return { user, errorCode: 0, errorMessage: null, credentialInfos: infos.toSorted((a, b) => a.mechanism - b.mechanism) }
      }),
    }
  },
})

function refused(user: string, error: KafkaErrorName, errorMessage: string) {
  return { user, errorCode: errorCode(error), errorMessage, credentialInfos: [] }
}
