import { createHash, createHmac, pbkdf2, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const derive = promisify(pbkdf2)

/** The SCRAM mechanisms of RFC 5802 and RFC 7677 that Kafka has, with its codes and bounds. */
export const scramMechanisms = {
  'SCRAM-SHA-256': { code: 1, hash: 'sha256', bytes: 32, iterationsMin: 4096 },
  'SCRAM-SHA-512': { code: 2, hash: 'sha512', bytes: 64, iterationsMin: 4096 },
} as const

export type ScramMechanism = keyof typeof scramMechanisms

export const SCRAM_ITERATIONS_MAX = 16_384

/** What a broker keeps of a password: enough to check it and to prove that it knows it, not enough to log in. */
export interface ScramCredential {
  readonly salt: Buffer
  readonly storedKey: Buffer
  readonly serverKey: Buffer
  readonly iterations: number
}

export function isScram(name: string): name is ScramMechanism {
  return Object.hasOwn(scramMechanisms, name)
}

export function scramMechanismOf(code: number): ScramMechanism | undefined {
  return (Object.keys(scramMechanisms) as ScramMechanism[]).find((name) => scramMechanisms[name].code === code)
}

export function hmac(mechanism: ScramMechanism, key: Buffer, text: string | Buffer): Buffer {
  return createHmac(scramMechanisms[mechanism].hash, key).update(text).digest()
}

export function hash(mechanism: ScramMechanism, bytes: Buffer): Buffer {
  return createHash(scramMechanisms[mechanism].hash).update(bytes).digest()
}

/** SaltedPassword of the RFC: as slow as the iterations make it. */
export function saltedPassword(mechanism: ScramMechanism, password: string, salt: Buffer, iterations: number): Promise<Buffer> {
  const { bytes, hash: name } = scramMechanisms[mechanism]
  return derive(prepared(password), salt, iterations, bytes, name)
}

/** As {@link saltedPassword}, at once: for a broker that is starting. */
export function saltedPasswordSync(mechanism: ScramMechanism, password: string, salt: Buffer, iterations: number): Buffer {
  const { bytes, hash: name } = scramMechanisms[mechanism]
  return pbkdf2Sync(prepared(password), salt, iterations, bytes, name)
}

/** Kafka takes a password as it comes in UTF-8; it does not apply SASLprep. */
function prepared(password: string): Buffer {
  return Buffer.from(password, 'utf8')
}

export function credentialOf(mechanism: ScramMechanism, salted: Buffer, salt: Buffer, iterations: number): ScramCredential {
  const storedKey = hash(mechanism, clientKey(mechanism, salted))
  return { salt, storedKey, serverKey: serverKey(mechanism, salted), iterations }
}

export function clientKey(mechanism: ScramMechanism, salted: Buffer): Buffer {
  return hmac(mechanism, salted, 'Client Key')
}

export function serverKey(mechanism: ScramMechanism, salted: Buffer): Buffer {
  return hmac(mechanism, salted, 'Server Key')
}

export function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, i) => byte ^ b[i]!))
}

export function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

/** A nonce without commas, as the RFC wants it. */
export function scramNonce(): string {
  return randomBytes(24).toString('base64url')
}

/** `=` and `,` in user names are written as `=3D` and `=2C`. */
export function saslName(user: string): string {
  return user.replaceAll('=', '=3D').replaceAll(',', '=2C')
}

/** The user of a {@link saslName}; undefined when there is an `=` that quotes nothing. */
export function userOfSaslName(name: string): string | undefined {
  const user = name.replaceAll('=2C', ',').replaceAll('=3D', '\u0000')
  return user.includes('=') ? undefined : user.replaceAll('\u0000', '=')
}

/** `a=1,b=2` as a map; values may contain `=`. Undefined when an attribute has no name. */
export function scramAttributes(text: string): Map<string, string> | undefined {
  const found = new Map<string, string>()
  for (const part of text.split(',')) {
    const match = /^([a-zA-Z]+)=([\s\S]*)$/.exec(part)
    if (match === null) return undefined
    found.set(match[1]!, match[2]!)
  }
  return found
}
