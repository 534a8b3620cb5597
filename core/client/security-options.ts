import { readFileSync } from 'node:fs'

import { MoldauError } from '../base/errors.ts'
import type { Dialer } from '../net/dialer.ts'
import type { Resolver } from '../net/resolver.ts'
import { tlsDialer } from '../net/tls-dialer.ts'
import type { TlsDialerOptions } from '../net/tls-dialer.ts'
import { parseJaas } from '../security/jaas.ts'
import type { SaslOptions } from '../security/sasl-client.ts'
import { NO_TLS_SETTINGS, secureContext } from '../security/tls-settings.ts'
import type { TlsSettings } from '../security/tls-settings.ts'

/** How to speak TLS with a broker, in the terms of node:tls. */
export interface SslOptions {
  /** Whom we trust, as PEM; default those that Node.js trusts. */
  ca?: string | Buffer | readonly (string | Buffer)[]
  /** Our certificate and its key, as PEM, for a broker that wants to see one. */
  cert?: string | Buffer
  key?: string | Buffer
  passphrase?: string
  /** The name that the broker's certificate must have; default the host. */
  servername?: string
  /** False trusts any certificate: for trials only. */
  rejectUnauthorized?: boolean
}

/** Kafka's settings of a client that concern security, by their dotted names. */
export const securityNames = [
  'security.protocol',
  'sasl.mechanism',
  'sasl.jaas.config',
  'ssl.truststore.type',
  'ssl.truststore.location',
  'ssl.truststore.certificates',
  'ssl.truststore.password',
  'ssl.keystore.type',
  'ssl.keystore.location',
  'ssl.keystore.key',
  'ssl.keystore.certificate.chain',
  'ssl.keystore.password',
  'ssl.key.password',
  'ssl.enabled.protocols',
  'ssl.cipher.suites',
  'ssl.endpoint.identification.algorithm',
] as const

/** The same as options of `connect`. */
export type SecuritySettings = { [name in (typeof securityNames)[number]]?: string }

type Given = Readonly<Record<string, string | undefined>>

/** The part of the options that says how to connect and who we are. @throws MoldauError INVALID_CONFIG */
export function clientSecurity(
  options: { ssl?: boolean | SslOptions; sasl?: SaslOptions; resolver?: Resolver },
  kafka: Given,
): { dialer?: Dialer; sasl?: SaslOptions } {
  const protocol = (kafka['security.protocol'] ?? '').toUpperCase()
  if (protocol !== '' && !['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'].includes(protocol)) {
    throw new MoldauError('INVALID_CONFIG', `security.protocol: '${protocol}' is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL`)
  }
  const speaksTls = protocol === '' ? options.ssl !== undefined && options.ssl !== false : protocol.endsWith('SSL')
  const logsIn = protocol === '' ? options.sasl !== undefined || kafka['sasl.mechanism'] !== undefined : protocol.startsWith('SASL')
  const sasl = logsIn ? (options.sasl ?? saslOf(kafka)) : undefined
  return {
    ...(speaksTls && { dialer: tlsDialer({ resolver: options.resolver, ...tlsOf(options.ssl), ...kafkaTls(kafka) }) }),
    ...(sasl !== undefined && { sasl }),
  }
}

function tlsOf(ssl: boolean | SslOptions | undefined): TlsDialerOptions {
  if (typeof ssl !== 'object') return {}
  const { ca, cert, key, passphrase, servername, rejectUnauthorized } = ssl
  return {
    context: {
      ...(ca !== undefined && { ca: ca as string }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(passphrase !== undefined && { passphrase }),
    },
    ...(servername !== undefined && { servername }),
    ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
  }
}

const tlsNames: Readonly<Record<string, keyof TlsSettings>> = {
  'ssl.truststore.type': 'truststoreType',
  'ssl.truststore.location': 'truststoreLocation',
  'ssl.truststore.certificates': 'truststoreCertificates',
  'ssl.truststore.password': 'truststorePassword',
  'ssl.keystore.type': 'keystoreType',
  'ssl.keystore.location': 'keystoreLocation',
  'ssl.keystore.key': 'keystoreKey',
  'ssl.keystore.certificate.chain': 'keystoreCertificateChain',
  'ssl.keystore.password': 'keystorePassword',
  'ssl.key.password': 'keyPassword',
  'ssl.enabled.protocols': 'enabledProtocols',
  'ssl.cipher.suites': 'cipherSuites',
}

function kafkaTls(kafka: Given): TlsDialerOptions {
  const names = Object.keys(tlsNames).filter((name) => kafka[name] !== undefined)
  const check = kafka['ssl.endpoint.identification.algorithm']
  const checks = check === undefined ? {} : { checkName: check !== '' }
  if (names.length === 0) return checks
  const settings: Record<string, unknown> = { ...NO_TLS_SETTINGS }
  for (const name of names) {
    const to = tlsNames[name]!
    const text = String(kafka[name])
    settings[to] = Array.isArray(NO_TLS_SETTINGS[to]) ? text.split(',').map((each) => each.trim()) : text
  }
  return { context: secureContext(settings as unknown as TlsSettings), ...checks }
}

/** Who we are, as `sasl.jaas.config` says it. */
function saslOf(kafka: Given): SaslOptions {
  const mechanism = (kafka['sasl.mechanism'] ?? 'GSSAPI') as SaslOptions['mechanism']
  const jaas = kafka['sasl.jaas.config']
  if (jaas === undefined)
    throw new MoldauError('INVALID_CONFIG', 'sasl.jaas.config is missing: say who logs in, or give sasl: { mechanism, username, password }')
  const { options } = parseJaas('sasl.jaas.config', jaas)
  const [username, password] = [options.get('username'), options.get('password')]
  const token = options.get('token') ?? readToken(options.get('tokenFile'))
  return {
    mechanism,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(token !== undefined && { token }),
  }
}

/** Read anew for each log-in: tokens are renewed. */
function readToken(path: string | undefined): (() => string) | undefined {
  return path === undefined ? undefined : () => readFileSync(path, 'utf8').trim()
}
