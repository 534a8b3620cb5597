import type { Clock } from '../base/clock.ts'
import type { Jwks } from './jwks.ts'
import { isSignedBy, parseJwt } from './jwt.ts'
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
      evaluate(response): SaslStep {
        // After a refusal one byte comes, which asks for it in the words of SASL.
        if (refusal !== undefined) throw new SaslRefused(`OAUTHBEARER: ${refusal}`, 'Authentication failed: invalid_token')
        const first = parseFirst(response)
        if (first === undefined) throw new SaslRefused('OAUTHBEARER: the message is not of the form of RFC 7628')
        const checked = check(first.token, jwks, rules, clock.now())
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

/** Whom a token stands for, or why it stands for nobody. */
function check(token: string, jwks: Jwks, rules: OAuthBearerRules, now: number): { name: string; expiresAt: number } | string {
  const jwt = parseJwt(token)
  if (jwt === undefined) return 'the token is no signed JWT'
  const key = jwks.key(jwt.header['kid'])
  if (key === undefined) return 'no key of the set is named by the token'
  if (!isSignedBy(jwt, key)) return 'the signature of the token is not of that key'
  const { claims } = jwt
  const { exp, nbf, iss } = claims
  if (typeof exp !== 'number' || now >= exp * 1000 + rules.clockSkewMs) return 'the token has expired, or never does'
  if (nbf !== undefined && (typeof nbf !== 'number' || now < nbf * 1000 - rules.clockSkewMs)) return 'the token is not valid yet'
  if (rules.issuer !== '' && iss !== rules.issuer) return 'the token is of another issuer'
  if (rules.audiences.length > 0 && !textsOf(claims['aud']).some((aud) => rules.audiences.includes(aud)))
    return 'the token is for another audience'
  const scopes = textsOf(claims[rules.scopeClaim]).flatMap((text) => text.split(' '))
  const missing = rules.requiredScopes.find((scope) => !scopes.includes(scope))
  if (missing !== undefined) return `the token lacks the scope '${missing}'`
  const name = claims[rules.subClaim]
  return typeof name === 'string' && name !== '' ? { name, expiresAt: exp * 1000 } : `the token has no claim '${rules.subClaim}'`
}

function textsOf(claim: unknown): string[] {
  return (Array.isArray(claim) ? claim : [claim]).filter((each) => typeof each === 'string')
}
