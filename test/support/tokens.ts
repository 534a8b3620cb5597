import { generateKeyPairSync, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** Issues signed tokens as an identity provider does. */
export class TokenIssuer {
  readonly #keys: Map<string, { alg: 'RS256' | 'ES256'; publicKey: KeyObject; privateKey: KeyObject }>

  constructor() {
    this.#keys = new Map()
    this.addKey('rsa', 'RS256')
    this.addKey('ec', 'ES256')
  }

  addKey(id: string, alg: 'RS256' | 'ES256'): void {
    const pair =
      alg === 'RS256' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    this.#keys.set(id, { alg, ...pair })
  }

  /** The text of a JSON Web Key Set. */
  jwks(): string {
    const keys = Array.from(this.#keys, ([kid, { alg, publicKey }]) => ({ ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' }))
    return JSON.stringify({ keys })
  }

  /** Signed by the key of that id, with what `header` says instead. */
  token(claims: Record<string, unknown>, id = 'ec', header: Record<string, unknown> = {}): string {
    const { alg, privateKey } = this.#keys.get(id)!
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const signed = `${part({ alg, kid: id, ...header })}.${part(claims)}`
    const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    return `${signed}.${signature.toString('base64url')}`
  }
}
