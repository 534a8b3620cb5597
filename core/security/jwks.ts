import { readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import type * as Jose from 'jose'
import type { JSONWebKeySet, JWTPayload, JWTVerifyGetKey, JWTVerifyOptions } from 'jose'

import type { Clock } from '../base/clock.ts'
import { MoldauError, messageOf } from '../base/errors.ts'

/** How often the file is looked at, at most. */
const LOOK_AGAIN_MS = 1000

/** How signatures may be made (RFC 7518). Neither `none` nor secrets shared with the issuer are among them. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

/** The public keys of whoever issues tokens, from a file with a JSON Web Key Set (RFC 7517). A new file is taken without a restart. */
export class Jwks {
  readonly #jose: typeof Jose
  readonly #path: string
  readonly #clock: Clock
  #keys: JWTVerifyGetKey
  #stamp: string
  #lookedAt: number

  private constructor(jose: typeof Jose, path: string, clock: Clock) {
    this.#jose = jose
    this.#path = path
    this.#clock = clock
    this.#lookedAt = -Infinity
    this.#stamp = this.#look()
    this.#keys = this.#read()
  }

  /** @throws MoldauError INVALID_CONFIG */
  static async open(url: string, clock: Clock): Promise<Jwks> {
    const path = pathOf(url)
    // Only who has tokens to check pays for this.
    return new Jwks(await import('jose'), path, clock)
  }

  /**
   * What a token says, when one of the keys has signed it and its claims are in order.
   *
   * @throws Error which says what is wrong with the token, and nothing of what is in it
   */
  async verify(token: string, options: JWTVerifyOptions): Promise<JWTPayload> {
    this.#refresh()
    const { payload } = await this.#jose.jwtVerify(token, this.#keys, { algorithms: ALGORITHMS, ...options })
    return payload
  }

  #refresh(): void {
    const now = this.#clock.monotonic()
    if (now - this.#lookedAt < LOOK_AGAIN_MS) return
    this.#lookedAt = now
    try {
      const stamp = this.#look()
      if (stamp === this.#stamp) return
      this.#keys = this.#read()
      this.#stamp = stamp
    } catch {
      // A file that is just being written, or damaged: the keys we have stay good.
    }
  }

  /** Changes when the file does. */
  #look(): string {
    try {
      const { mtimeMs, size, ino } = statSync(this.#path)
      return `${mtimeMs} ${size} ${ino}`
    } catch (cause) {
      throw this.#unusable(cause)
    }
  }

  #read(): JWTVerifyGetKey {
    try {
      return this.#jose.createLocalJWKSet(JSON.parse(readFileSync(this.#path, 'utf8')) as JSONWebKeySet)
    } catch (cause) {
      throw this.#unusable(cause)
    }
  }

  #unusable(cause: unknown): MoldauError {
    const why = `${this.#path} is no JSON Web Key Set (${messageOf(cause)})`
    return new MoldauError('INVALID_CONFIG', `sasl.oauthbearer.jwks.endpoint.url: ${why}`, { cause })
  }
}

function pathOf(url: string): string {
  if (url.startsWith('file:')) return fileURLToPath(url)
  if (/^[a-z]+:\/\//i.test(url)) {
    throw new MoldauError(
      'INVALID_CONFIG',
      `sasl.oauthbearer.jwks.endpoint.url: '${url}' is not a file: keep the key set in a file, and name it`,
    )
  }
  return url
}
