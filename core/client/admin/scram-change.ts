import { randomBytes } from 'node:crypto'

import { MoldauError } from '../../base/errors.ts'
import type { AlterUserScramCredentials } from '../../protocol/messages/alter-user-scram-credentials.ts'
import type { Input } from '../../protocol/schema.ts'
import { saltedPassword, scramMechanisms } from '../../security/scram.ts'
import type { ScramAlteration, ScramDeletion, ScramUpsertion } from './security-types.ts'

const SALT_BYTES = 20
const ITERATIONS_DEFAULT = 4096

export function alterationName({ user, mechanism }: ScramAlteration): string {
  return `${user} ${mechanism}`
}

/** @throws MoldauError INVALID_ARGUMENT for an empty password, before anything is sent */
export function checkPasswords(alterations: readonly ScramAlteration[]): void {
  const empty = alterations.find((each) => isUpsertion(each) && each.password === '')
  if (empty !== undefined) throw new MoldauError('INVALID_ARGUMENT', `the password of ${empty.user} is empty`)
}

/** The password itself stays here: what is sent is salted and hashed. */
export async function scramChange(alterations: readonly ScramAlteration[]): Promise<Input<typeof AlterUserScramCredentials.request>> {
  const deletions = alterations
    .filter(isDeletion)
    .map(({ user, mechanism }) => ({ name: user, mechanism: scramMechanisms[mechanism].code }))
  const upsertions = await Promise.all(alterations.filter(isUpsertion).map(upsertion))
  return { deletions, upsertions }
}

async function upsertion({ user, password, mechanism, iterations = ITERATIONS_DEFAULT }: ScramUpsertion) {
  const salt = randomBytes(SALT_BYTES)
  const salted = await saltedPassword(mechanism, password, salt, iterations)
  return { name: user, mechanism: scramMechanisms[mechanism].code, iterations, salt, saltedPassword: salted }
}

function isDeletion(alteration: ScramAlteration): alteration is ScramDeletion {
  return 'delete' in alteration
}

function isUpsertion(alteration: ScramAlteration): alteration is ScramUpsertion {
  return !isDeletion(alteration)
}
