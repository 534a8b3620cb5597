import { hash, hmac, sameBytes, scramAttributes, scramMechanisms, scramNonce, userOfSaslName, xor } from './scram.ts'
import type { ScramCredential, ScramMechanism } from './scram.ts'
import { userPrincipal } from './principal.ts'
import { SaslRefused } from './sasl.ts'
import type { SaslServer, SaslServerFactory, SaslStep } from './sasl.ts'

export type CredentialLookup = (mechanism: ScramMechanism, user: string) => ScramCredential | undefined

/** The broker's side of SCRAM (RFC 5802): the password is never sent, and the broker proves that it knows it, too. */
export function scramServer(mechanism: ScramMechanism, lookup: CredentialLookup): SaslServerFactory {
  return () => new ScramExchange(mechanism, lookup)
}

class ScramExchange implements SaslServer {
  readonly #mechanism: ScramMechanism
  readonly #lookup: CredentialLookup
  #user: string
  #credential: ScramCredential | undefined
  #nonce: string
  /** client-first-message-bare,server-first-message */
  #sofar: string
  #gs2Header: string

  constructor(mechanism: ScramMechanism, lookup: CredentialLookup) {
    this.#mechanism = mechanism
    this.#lookup = lookup
    this.#user = ''
    this.#credential = undefined
    this.#nonce = ''
    this.#sofar = ''
    this.#gs2Header = ''
  }

  evaluate(response: Buffer): SaslStep {
    const text = response.toString('utf8')
    return this.#sofar === '' ? this.#first(text) : this.#final(text)
  }

  #first(text: string): SaslStep {
    const match = /^(([nyp])(?:=[^,]*)?,(?:a=([^,]*))?,)(.*)$/s.exec(text)
    const attributes = match === null ? undefined : scramAttributes(match[4]!)
    const name = attributes?.get('n')
    const nonce = attributes?.get('r')
    if (match === null || name === undefined || nonce === undefined || nonce === '') throw this.#malformed()
    if (match[2] === 'p') throw new SaslRefused(`${this.#mechanism}: channel binding is not supported`)
    const user = userOfSaslName(name)
    if (user === undefined) throw this.#malformed()
    if (attributes!.get('tokenauth') === 'true') throw new SaslRefused(`${this.#mechanism}: delegation tokens are not supported`)
    this.#user = user
    this.#credential = this.#lookup(this.#mechanism, user)
    if (this.#credential === undefined) throw new SaslRefused(`${this.#mechanism}: there is no credential of '${user}'`)
    const authorization = match[3] === undefined ? '' : userOfSaslName(match[3])
    if (authorization !== '' && authorization !== user) {
      throw new SaslRefused(
        `${this.#mechanism}: another authorization id`,
        'Authentication failed: Client requested an authorization id that is different from username',
      )
    }
    const { salt, iterations } = this.#credential
    if (iterations < scramMechanisms[this.#mechanism].iterationsMin)
      throw new SaslRefused(`${this.#mechanism}: too few iterations for '${user}'`)
    this.#gs2Header = match[1]!
    this.#nonce = nonce + scramNonce()
    const answer = `r=${this.#nonce},s=${salt.toString('base64')},i=${iterations}`
    this.#sofar = `${match[4]!},${answer}`
    return { challenge: Buffer.from(answer, 'utf8') }
  }

  #final(text: string): SaslStep {
    const credential = this.#credential
    // Whatever happens, a nonce is good for one proof.
    this.#credential = undefined
    const proofAt = text.lastIndexOf(',p=')
    const attributes = proofAt === -1 ? undefined : scramAttributes(text)
    if (attributes === undefined || credential === undefined) throw this.#malformed()
    // librdkafka up to 2.2 sends its own part twice, and Kafka takes that: what counts is that ours is in it.
    if (!attributes.get('r')?.endsWith(this.#nonce)) throw new SaslRefused(`${this.#mechanism}: the nonce is not ours`)
    if (Buffer.from(attributes.get('c') ?? '', 'base64').toString('utf8') !== this.#gs2Header) throw this.#malformed()
    const signed = `${this.#sofar},${text.slice(0, proofAt)}`
    const proof = Buffer.from(text.slice(proofAt + 3), 'base64')
    const signature = hmac(this.#mechanism, credential.storedKey, signed)
    if (proof.length !== signature.length || !sameBytes(hash(this.#mechanism, xor(proof, signature)), credential.storedKey)) {
      throw new SaslRefused(`${this.#mechanism}: wrong password of '${this.#user}'`)
    }
    const verifier = hmac(this.#mechanism, credential.serverKey, signed).toString('base64')
    return { challenge: Buffer.from(`v=${verifier}`, 'utf8'), principal: userPrincipal(this.#user) }
  }

  #malformed(): SaslRefused {
    return new SaslRefused(`${this.#mechanism}: the message is not of the form of RFC 5802`)
  }
}
