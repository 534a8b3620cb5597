import { createPublicKey } from 'node:crypto'
import type { JsonWebKey, KeyObject } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import type { Clock } from '../base/clock.ts'
import { MoldauError, messageOf } from '../base/errors.ts'

/** How often the file is looked at, at most. */
const LOOK_AGAIN_MS = 1000

/** The public keys of whoever issues tokens, from a file with a JSON Web Key Set (RFC 7517). A new file is taken without a restart. */
export class Jwks {
  readonly #path: string
  readonly #clock: Clock
  #keys: ReadonlyMap<string, KeyObject>
  #stamp: string
  #lookedAt: number

  /** @throws MoldauError INVALID_CONFIG */
  constructor(url: string, clock: Clock) {
    this.#path = pathOf(url)
    this.#clock = clock
    this.#stamp = ''
    this.#keys = new Map()
    this.#lookedAt = -Infinity
    this.#load()
  }

  /** The key that a token names; without a name the only one there is. */
  key(id: unknown): KeyObject | undefined {
    this.#refresh()
    if (typeof id === 'string') return this.#keys.get(id)
    return this.#keys.size === 1 ? this.#keys.values().next().value : undefined
  }

  #refresh(): void {
    const now = this.#clock.monotonic()
    if (now - this.#lookedAt < LOOK_AGAIN_MS) return
    this.#lookedAt = now
    try {
      this.#load()
    } catch {
      // A file that is just being written, or damaged: the keys we have stay good.
    }
  }

  #load(): void {
    try {
      const { mtimeMs, size } = statSync(this.#path)
      const stamp = `${mtimeMs} ${size}`
      if (stamp === this.#stamp) return
      const { keys } = JSON.parse(readFileSync(this.#path, 'utf8')) as { keys: JsonWebKey[] }
      this.#keys = new Map(
        keys
          .filter(isForSigning)
          .map((jwk, i) => [typeof jwk['kid'] === 'string' ? jwk['kid'] : String(i), createPublicKey({ key: jwk, format: 'jwk' })]),
      )
      this.#stamp = stamp
    } catch (cause) {
      throw new MoldauError(
        'INVALID_CONFIG',
        `sasl.oauthbearer.jwks.endpoint.url: ${this.#path} is no JSON Web Key Set (${messageOf(cause)})`,
        { cause },
      )
    }
  }
}

function isForSigning(jwk: JsonWebKey): boolean {
  return jwk.kty !== 'oct' && (jwk['use'] === undefined || jwk['use'] === 'sig')
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
