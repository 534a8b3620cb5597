import { messageOf } from '../../base/errors.ts'
import type { CredentialChange, SecurityStore } from '../../coordination/security-store.ts'
import { detailOf, errorCode, kafkaError } from '../../protocol/errors.ts'
import type { KafkaError } from '../../protocol/errors.ts'
import { AlterUserScramCredentials } from '../../protocol/messages/alter-user-scram-credentials.ts'
import type { AlterUserScramCredentialsRequest } from '../../protocol/messages/alter-user-scram-credentials.ts'
import { SCRAM_ITERATIONS_MAX, credentialOf, scramMechanismOf, scramMechanisms } from '../../security/scram.ts'
import type { ScramMechanism } from '../../security/scram.ts'
import { handler } from '../handler.ts'

/** AlterUserScramCredentials 0 (KIP-554): sets and removes credentials. Each user once per request; what is wrong with one does not stop the others. */
export const alterUserScramCredentials = handler({
  api: AlterUserScramCredentials,
  minVersion: 0,
  maxVersion: 0,
  async handle(request, { broker }) {
    const names = [...request.deletions, ...request.upsertions].map(({ name }) => name)
    const changes: CredentialChange[] = []
    const results = [...new Set(names)].map((user) => {
      try {
        if (names.indexOf(user) !== names.lastIndexOf(user)) {
          throw kafkaError('DUPLICATE_RESOURCE', 'A user credential cannot be altered twice in the same request')
        }
        changes.push(changeOf(request, user, broker.security))
        return { user, errorCode: 0, errorMessage: null }
      } catch (error) {
        return { user, errorCode: errorCode((error as KafkaError).kafkaCode ?? 'UNKNOWN_SERVER_ERROR'), errorMessage: detailOf(error) }
      }
    })
    try {
      if (changes.length > 0) await broker.security.changeCredentials(changes)
    } catch (error) {
      broker.logger.error({ err: error }, `credentials could not be written: ${messageOf(error)}`)
      return {
        throttleTimeMs: 0,
        results: results.map(({ user }) => ({ user, errorCode: errorCode('KAFKA_STORAGE_ERROR'), errorMessage: detailOf(error) })),
      }
    }
    return { throttleTimeMs: 0, results }
  },
})

function changeOf(request: AlterUserScramCredentialsRequest, user: string, security: SecurityStore): CredentialChange {
  if (user === '') throw kafkaError('UNACCEPTABLE_CREDENTIAL', 'Username must not be empty')
  const deletion = request.deletions.find(({ name }) => name === user)
  if (deletion !== undefined) {
    const mechanism = mechanismOf(deletion.mechanism)
    if (security.credential(mechanism, user) === undefined)
      throw kafkaError('RESOURCE_NOT_FOUND', 'Attempt to delete a user credential that does not exist')
    return { user, mechanism, credential: null }
  }
  const { mechanism: code, iterations, salt, saltedPassword } = request.upsertions.find(({ name }) => name === user)!
  const mechanism = mechanismOf(code)
  if (iterations < scramMechanisms[mechanism].iterationsMin) throw kafkaError('UNACCEPTABLE_CREDENTIAL', 'Too few iterations')
  if (iterations > SCRAM_ITERATIONS_MAX) throw kafkaError('UNACCEPTABLE_CREDENTIAL', 'Too many iterations')
  if (salt.length === 0 || saltedPassword.length === 0)
    throw kafkaError('UNACCEPTABLE_CREDENTIAL', 'a salt and a salted password are needed')
  // Copies: a slice would keep the whole request in memory.
  return { user, mechanism, credential: credentialOf(mechanism, Buffer.from(saltedPassword), Buffer.from(salt), iterations) }
}

function mechanismOf(code: number): ScramMechanism {
  const mechanism = scramMechanismOf(code)
  if (mechanism === undefined) throw kafkaError('UNSUPPORTED_SASL_MECHANISM', 'Unknown SCRAM mechanism')
  return mechanism
}
