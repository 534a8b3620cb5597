import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** Makes certificates as tests need them: elliptic curves, a day long, nothing on disk. Not for anything but tests. */

const OIDS = {
  CN: '2.5.4.3',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  emailAddress: '1.2.840.113549.1.9.1',
  ecdsaSha256: '1.2.840.10045.4.3.2',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
} as const

export type NamePart = readonly [keyof typeof OIDS, string]

const DAY_MS = 86_400_000

export interface Certificate {
  /** PEM */
  cert: string
  /** PEM, PKCS #8 */
  key: string
  der: Buffer
}

export interface IssueOptions {
  subject: readonly NamePart[]
  dns?: readonly string[]
  ip?: readonly string[]
  /** Ends this many milliseconds from now; default a day. */
  validMs?: number
}

/** Somebody who signs certificates. */
export class Authority {
  readonly certificate: Certificate
  readonly #name: readonly NamePart[]
  readonly #key: KeyObject

  constructor(cn = 'test authority') {
    this.#name = [['CN', cn]]
    const pair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    this.#key = pair.privateKey
    const constraints = extension(OIDS.basicConstraints, sequence(der(0x01, Buffer.from([0xff]))))
    this.certificate = this.#sign(pair, this.#name, [constraints], DAY_MS)
  }

  get cert(): string {
    return this.certificate.cert
  }

  issue({ subject, dns = [], ip = [], validMs = DAY_MS }: IssueOptions): Certificate {
    const names = [
      ...dns.map((name) => der(0x82, Buffer.from(name))),
      ...ip.map((address) => der(0x87, Buffer.from(address.split('.').map(Number)))),
    ]
    const extensions = names.length === 0 ? [] : [extension(OIDS.subjectAltName, sequence(...names))]
    return this.#sign(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }), subject, extensions, validMs)
  }

  #sign(
    pair: { publicKey: KeyObject; privateKey: KeyObject },
    subject: readonly NamePart[],
    extensions: readonly Buffer[],
    validMs: number,
  ): Certificate {
    const now = Date.now()
    const algorithm = sequence(oid(OIDS.ecdsaSha256))
    const body = sequence(
      der(0xa0, der(0x02, Buffer.from([2]))),
      der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
      algorithm,
      nameOf(this.#name),
      sequence(time(now - DAY_MS), time(now + validMs)),
      nameOf(subject),
      pair.publicKey.export({ type: 'spki', format: 'der' }),
      ...(extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))]),
    )
    const signature = der(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', body, this.#key)]))
    const bytes = sequence(body, algorithm, signature)
    const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
    return { der: bytes, key: createPrivateKey(key).export({ type: 'pkcs8', format: 'pem' }) as string, cert: pem(bytes) }
  }
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g)!
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

function nameOf(parts: readonly NamePart[]): Buffer {
  return sequence(
    ...parts.map(([type, value]) => der(0x31, sequence(oid(OIDS[type]), der(type === 'emailAddress' ? 0x16 : 0x0c, Buffer.from(value))))),
  )
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), der(0x04, value))
}

function time(at: number): Buffer {
  const text = new Date(at).toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return der(0x17, Buffer.from(text.slice(2)))
}

function oid(text: string): Buffer {
  const [first, second, ...rest] = text.split('.').map(Number) as [number, number, ...number[]]
  const bytes = [first * 40 + second, ...rest.flatMap(base128)]
  return der(0x06, Buffer.from(bytes))
}

function base128(value: number): number[] {
  const digits = [value & 0x7f]
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) digits.unshift((rest & 0x7f) | 0x80)
  return digits
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts))
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content])
  const size = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
