import { MoldauError } from '../base/errors.ts'
import {
  clientKey,
  hash,
  hmac,
  isScram,
  sameBytes,
  saltedPassword,
  saslName,
  scramAttributes,
  scramMechanisms,
  scramNonce,
  serverKey,
  xor,
} from './scram.ts'
import type { ScramMechanism } from './scram.ts'
import { EMPTY_CHALLENGE } from './sasl.ts'
import type { SaslClient } from './sasl.ts'

/** How a client says who it is. */
export interface SaslOptions {
  mechanism: 'PLAIN' | ScramMechanism | 'OAUTHBEARER'
  username?: string
  password?: string
  /** The token of OAUTHBEARER, or what gets a fresh one: a client asks again when 80 % of the life of the last is over. */
  token?: string | (() => string | Promise<string>)
}

/** More would be a broker that wants to keep us busy. */
const CLIENT_ITERATIONS_MAX = 1_000_000

/** @throws MoldauError INVALID_CONFIG */
export function saslClient(options: SaslOptions): SaslClient {
  const { mechanism, username, password, token } = options
  if (mechanism === 'OAUTHBEARER') {
    if (token === undefined) throw new MoldauError('INVALID_CONFIG', 'sasl: OAUTHBEARER needs a token, or a function that gets one')
    return new BearerClient(token)
  }
  if (username === undefined || password === undefined)
    throw new MoldauError('INVALID_CONFIG', `sasl: ${mechanism} needs username and password`)
  if (mechanism === 'PLAIN') return new PlainClient(username, password)
  if (isScram(mechanism)) return new ScramClient(mechanism, username, password)
  throw new MoldauError(
    'INVALID_CONFIG',
    `sasl: there is no mechanism '${String(mechanism)}'; PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER are`,
  )
}

class PlainClient implements SaslClient {
  readonly #first: Buffer

  constructor(username: string, password: string) {
    this.#first = Buffer.from(`\0${username}\0${password}`, 'utf8')
  }

  async first(): Promise<Buffer> {
    return this.#first
  }

  async next(): Promise<Buffer | undefined> {
    return undefined
  }
}

class BearerClient implements SaslClient {
  readonly #token: NonNullable<SaslOptions['token']>

  constructor(token: NonNullable<SaslOptions['token']>) {
    this.#token = token
  }

  async first(): Promise<Buffer> {
    const token = typeof this.#token === 'string' ? this.#token : await this.#token()
    return Buffer.from(`n,,\u0001auth=Bearer ${token}\u0001\u0001`, 'utf8')
  }

  async next(challenge: Buffer): Promise<Buffer | undefined> {
    // A challenge is the reason of a refusal (RFC 7628): one byte asks for the refusal itself.
    return challenge.length === 0 ? undefined : Buffer.from('\u0001')
  }
}

class ScramClient implements SaslClient {
  readonly #mechanism: ScramMechanism
  readonly #password: string
  readonly #bare: string
  readonly #nonce: string
  #verifier: Buffer | undefined

  constructor(mechanism: ScramMechanism, username: string, password: string) {
    this.#mechanism = mechanism
    this.#password = password
    this.#nonce = scramNonce()
    this.#bare = `n=${saslName(username)},r=${this.#nonce}`
    this.#verifier = undefined
  }

  async first(): Promise<Buffer> {
    return Buffer.from(`n,,${this.#bare}`, 'utf8')
  }

  async next(challenge: Buffer): Promise<Buffer | undefined> {
    const text = challenge.toString('utf8')
    const attributes = scramAttributes(text)
    if (attributes === undefined) throw this.#failed('the broker sent something else')
    return this.#verifier === undefined ? this.#prove(text, attributes) : this.#verify(attributes)
  }

  async #prove(text: string, attributes: Map<string, string>): Promise<Buffer> {
    const nonce = attributes.get('r') ?? ''
    const salt = Buffer.from(attributes.get('s') ?? '', 'base64')
    const iterations = Number(attributes.get('i'))
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce || salt.length === 0) throw this.#failed('the broker sent something else')
    if (!(iterations >= scramMechanisms[this.#mechanism].iterationsMin && iterations <= CLIENT_ITERATIONS_MAX)) {
      throw this.#failed(`the broker asks for ${iterations} iterations`)
    }
    const salted = await saltedPassword(this.#mechanism, this.#password, salt, iterations)
    const final = `c=biws,r=${nonce}`
    const signed = `${this.#bare},${text},${final}`
    const key = clientKey(this.#mechanism, salted)
    const proof = xor(key, hmac(this.#mechanism, hash(this.#mechanism, key), signed))
    this.#verifier = hmac(this.#mechanism, serverKey(this.#mechanism, salted), signed)
    return Buffer.from(`${final},p=${proof.toString('base64')}`, 'utf8')
  }

  #verify(attributes: Map<string, string>): undefined {
    const theirs = Buffer.from(attributes.get('v') ?? '', 'base64')
    if (!sameBytes(theirs, this.#verifier ?? EMPTY_CHALLENGE)) throw this.#failed('the broker could not prove that it knows the password')
    return undefined
  }

  #failed(why: string): MoldauError {
    return new MoldauError('AUTHENTICATION_FAILED', `${this.#mechanism}: ${why}`)
  }
}
