import { constants, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** How signatures are made, by the name that a token gives (RFC 7518). `none` and secrets shared with the issuer are not among them. */
const algorithms: Readonly<Record<string, { hash: string | null; type: string; pss?: boolean; curve?: string }>> = {
  RS256: { hash: 'sha256', type: 'rsa' },
  RS384: { hash: 'sha384', type: 'rsa' },
  RS512: { hash: 'sha512', type: 'rsa' },
  PS256: { hash: 'sha256', type: 'rsa', pss: true },
  PS384: { hash: 'sha384', type: 'rsa', pss: true },
  PS512: { hash: 'sha512', type: 'rsa', pss: true },
  ES256: { hash: 'sha256', type: 'ec', curve: 'prime256v1' },
  ES384: { hash: 'sha384', type: 'ec', curve: 'secp384r1' },
  ES512: { hash: 'sha512', type: 'ec', curve: 'secp521r1' },
  EdDSA: { hash: null, type: 'ed25519' },
}

export interface Jwt {
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
  readonly signed: Buffer
  readonly signature: Buffer
}

/** Takes a token apart; undefined when it is none. Nothing in it is to be believed before {@link isSignedBy}. */
export function parseJwt(token: string): Jwt | undefined {
  const parts = token.split('.')
  if (parts.length !== 3 || !parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part))) return undefined
  const header = jsonObject(parts[0]!)
  const claims = jsonObject(parts[1]!)
  if (header === undefined || claims === undefined) return undefined
  return { header, claims, signed: Buffer.from(`${parts[0]}.${parts[1]}`), signature: Buffer.from(parts[2]!, 'base64url') }
}

/** Whether the algorithm that the token names fits the key, and its signature is of that key. */
export function isSignedBy({ header, signed, signature }: Jwt, key: KeyObject): boolean {
  // What is marked critical has to be understood (RFC 7515), and we understand nothing of the kind.
  if (header['crit'] !== undefined) return false
  const alg = header['alg']
  const algorithm = typeof alg === 'string' && Object.hasOwn(algorithms, alg) ? algorithms[alg] : undefined
  if (algorithm === undefined || key.asymmetricKeyType !== algorithm.type) return false
  if (algorithm.curve !== undefined && key.asymmetricKeyDetails?.namedCurve !== algorithm.curve) return false
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  return verify(algorithm.hash, signed, { key, dsaEncoding: 'ieee-p1363', ...(algorithm.pss && pss) }, signature)
}

function jsonObject(base64url: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(base64url, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
