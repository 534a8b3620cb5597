import { MoldauError } from '../base/errors.ts'

/** Who somebody is, as Kafka writes it: `User:alice`. */
export type Principal = string

/** Who has not said who he is. */
export const ANONYMOUS: Principal = 'User:ANONYMOUS'

/** Stands in access control entries for everybody. */
export const EVERYBODY: Principal = 'User:*'

export function userPrincipal(name: string): Principal {
  return `User:${name}`
}

/** Without the type in front. */
export function nameOf(principal: Principal): string {
  return principal.slice(principal.indexOf(':') + 1)
}

/** Why a text is no principal, or undefined when it is one. */
export function principalProblem(text: string): string | undefined {
  const colon = text.indexOf(':')
  if (colon > 0 && colon < text.length - 1) return undefined
  return `'${text}' is no principal: write its type, a colon and its name, for example User:alice`
}

/**
 * Reads `super.users`: principals separated by semicolons, because distinguished names contain commas.
 *
 * @throws MoldauError INVALID_CONFIG naming the part that is no principal
 */
export function parsePrincipals(text: string): Principal[] {
  const found = text
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  for (const part of found) {
    const problem = principalProblem(part)
    if (problem !== undefined) throw new MoldauError('INVALID_CONFIG', `super.users: ${problem}`)
  }
  return found
}
