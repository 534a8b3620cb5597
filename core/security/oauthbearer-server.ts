import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Jwks } from './jwks.ts'
import { userPrincipal } from './principal.ts'
import { EMPTY_CHALLENGE, SaslRefused } from './sasl.ts'
import type { SaslServerFactory, SaslStep } from './sasl.ts'

/** What a token must say, under Kafka's names `sasl.oauthbearer.*`. */
export interface OAuthBearerRules {
  /** `expected.audience`: one of these; none means any. */
  audiences: readonly string[]
  /** `expected.issuer`; empty means any. */
  issuer: string
  /** `scope.claim.name` and `sub.claim.name` */
  scopeClaim: string
  subClaim: string
  /** `clock.skew.seconds` */
  clockSkewMs: number
  /** Scopes that a token must have; none means any. */
  requiredScopes: readonly string[]
}

const SEPARATOR = '\u0001'

/** `n,,`, then pairs of name and value, each with a separator before it, and two at the end (RFC 7628). */
function parseFirst(response: Buffer): { authorization: string; token: string } | undefined {
  const text = response.toString('utf8')
  const head = /^n,(?:a=([^,]*))?,$/.exec(text.slice(0, Math.max(0, text.indexOf(SEPARATOR))))
  if (head === null || !text.endsWith(SEPARATOR + SEPARATOR)) return undefined
  const pair = text.split(SEPARATOR).find((each) => BEARER.test(each))
  return pair === undefined ? undefined : { authorization: head[1] ?? '', token: pair.replace(BEARER, '') }
}

const BEARER = /^auth=bearer +/i

/** OAUTHBEARER (KIP-255, KIP-768) with tokens that somebody trusted has signed: who has the token is whom it names. */
export function oauthBearerServer(jwks: Jwks, rules: OAuthBearerRules, clock: Clock): SaslServerFactory {
  return () => {
    let refusal: string | undefined
    return {
      async evaluate(response): Promise<SaslStep> {
        // After a refusal one byte comes, which asks for it in the words of SASL.
        if (refusal !== undefined) throw new SaslRefused(`OAUTHBEARER: ${refusal}`, 'Authentication failed: invalid_token')
        const first = parseFirst(response)
        if (first === undefined) throw new SaslRefused('OAUTHBEARER: the message is not of the form of RFC 7628')
        const checked = await check(first.token, jwks, rules, clock.now()).catch((error: unknown) => messageOf(error))
        if (typeof checked === 'string') {
          refusal = checked
          return { challenge: Buffer.from('{"status":"invalid_token"}', 'utf8') }
        }
        if (first.authorization !== '' && first.authorization !== checked.name) {
          throw new SaslRefused(
            'OAUTHBEARER: another authorization id',
            `Authentication failed: Client requested an authorization id (${first.authorization}) that is different from the token's principal name`,
          )
        }
        return { challenge: EMPTY_CHALLENGE, principal: userPrincipal(checked.name), expiresAt: checked.expiresAt }
      },
    }
  }
}

/** Whom a token stands for. @throws Error why it stands for nobody */
async function check(token: string, jwks: Jwks, rules: OAuthBearerRules, now: number): Promise<{ name: string; expiresAt: number }> {
  const claims = await jwks.verify(token, {
    currentDate: new Date(now),
    clockTolerance: rules.clockSkewMs / 1000,
    requiredClaims: ['exp', rules.subClaim],
    ...(rules.issuer !== '' && { issuer: rules.issuer }),
    ...(rules.audiences.length > 0 && { audience: [...rules.audiences] }),
  })
  const scopes = textsOf(claims[rules.scopeClaim]).flatMap((text) => text.split(' '))
  const missing = rules.requiredScopes.find((scope) => !scopes.includes(scope))
  if (missing !== undefined) throw new Error(`the token lacks the scope '${missing}'`)
  const name = claims[rules.subClaim]
  if (typeof name !== 'string' || name === '') throw new Error(`the claim '${rules.subClaim}' of the token names nobody`)
  return { name, expiresAt: claims.exp! * 1000 }
}

function textsOf(claim: unknown): string[] {
  return (Array.isArray(claim) ? claim : [claim]).filter((each) => typeof each === 'string')
}
