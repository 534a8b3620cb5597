import { createHash, timingSafeEqual } from 'node:crypto'

import { userPrincipal } from './principal.ts'
import { EMPTY_CHALLENGE, SaslRefused } from './sasl.ts'
import type { SaslServerFactory } from './sasl.ts'

/**
 * PLAIN (RFC 4616): the password itself, so only over TLS.
 *
 * @param passwords of the users by name; looked at with every log-in
 */
export function plainServer(passwords: ReadonlyMap<string, string>): SaslServerFactory {
  return () => ({
    evaluate(response) {
      const parts = response.toString('utf8').split('\0')
      if (parts.length !== 3) throw new SaslRefused(`PLAIN wants an authorization id, a user and a password, not ${parts.length} parts`)
      const [authorization, user, password] = parts as [string, string, string]
      if (user === '') throw new SaslRefused('PLAIN: the user has no name', 'Authentication failed: username not specified')
      if (password === '') throw new SaslRefused('PLAIN: there is no password', 'Authentication failed: password not specified')
      const expected = passwords.get(user)
      // Compared also when there is no such user: the time must not tell.
      const same = equal(password, expected ?? '')
      if (expected === undefined || !same)
        throw new SaslRefused(`PLAIN: wrong user or password ('${user}')`, 'Authentication failed: Invalid username or password')
      if (authorization !== '' && authorization !== user) {
        throw new SaslRefused(
          'PLAIN: another authorization id',
          'Authentication failed: Client requested an authorization id that is different from username',
        )
      }
      return { challenge: EMPTY_CHALLENGE, principal: userPrincipal(user) }
    },
  })
}

function equal(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
