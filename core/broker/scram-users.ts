import { MoldauError } from '../base/errors.ts'
import type { SecurityStore } from '../coordination/security-store.ts'
import { SCRAM_ITERATIONS_MAX, credentialOf, isScram, saltedPasswordSync, scramMechanisms } from '../security/scram.ts'
import type { ScramMechanism } from '../security/scram.ts'
import { randomBytes } from 'node:crypto'

/** A user that logs in by SCRAM. */
export interface ScramUser {
  name: string
  password: string
  /** Default: both. */
  mechanism?: ScramMechanism
  /** Default 4096. */
  iterations?: number
}

const SALT_BYTES = 20

/**
 * Adds users that have no credential yet, as `kafka-storage format --add-scram` does. Those that have one keep it.
 *
 * @throws MoldauError INVALID_CONFIG
 */
export async function addScramUsers(security: SecurityStore, users: readonly ScramUser[]): Promise<void> {
  const changes = users.flatMap((user) => {
    check(user)
    const wanted = user.mechanism === undefined ? (Object.keys(scramMechanisms) as ScramMechanism[]) : [user.mechanism]
    return wanted
      .filter((mechanism) => security.credential(mechanism, user.name) === undefined)
      .map((mechanism) => ({ user: user.name, mechanism, credential: newCredential(mechanism, user) }))
  })
  if (changes.length > 0) await security.changeCredentials(changes)
}

function check({ name, password, mechanism, iterations = 4096 }: ScramUser): void {
  if (name === '' || password === '') throw new MoldauError('INVALID_CONFIG', 'scramUsers: a user needs a name and a password')
  if (mechanism !== undefined && !isScram(mechanism))
    throw new MoldauError('INVALID_CONFIG', `scramUsers: there is no mechanism ${String(mechanism)}`)
  if (iterations < 4096 || iterations > SCRAM_ITERATIONS_MAX) {
    throw new MoldauError('INVALID_CONFIG', `scramUsers: iterations of ${name} must be from 4096 to ${SCRAM_ITERATIONS_MAX}`)
  }
}

function newCredential(mechanism: ScramMechanism, { password, iterations = 4096 }: ScramUser): ReturnType<typeof credentialOf> {
  const salt = randomBytes(SALT_BYTES)
  return credentialOf(mechanism, saltedPasswordSync(mechanism, password, salt, iterations), salt, iterations)
}
