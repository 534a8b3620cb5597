import { readFileSync } from 'node:fs'

import { MoldauError } from '../base/errors.ts'
import type { Dialer } from '../net/dialer.ts'
import type { Resolver } from '../net/resolver.ts'
import { tlsDialer } from '../net/tls-dialer.ts'
import type { TlsDialerOptions } from '../net/tls-dialer.ts'
import { parseJaas } from '../security/jaas.ts'
import { saslClient } from '../security/sasl-client.ts'
import type { SaslOptions } from '../security/sasl-client.ts'
import { checkedContext, NO_TLS_SETTINGS, secureContext } from '../security/tls-settings.ts'
import type { TlsSettings } from '../security/tls-settings.ts'
import { saslSettings, securitySettings, sslSettings } from './security-settings.ts'
import type { SslOptions } from './security-settings.ts'
import { spellingOf } from './settings.ts'
import type { ReadOptions, Settings } from './settings.ts'

/** Which field of {@link TlsSettings} an option is. */
const tlsFields = {
  sslTruststoreType: 'truststoreType',
  sslTruststoreLocation: 'truststoreLocation',
  sslTruststoreCertificates: 'truststoreCertificates',
  sslTruststorePassword: 'truststorePassword',
  sslKeystoreType: 'keystoreType',
  sslKeystoreLocation: 'keystoreLocation',
  sslKeystoreKey: 'keystoreKey',
  sslKeystoreCertificateChain: 'keystoreCertificateChain',
  sslKeystorePassword: 'keystorePassword',
  sslKeyPassword: 'keyPassword',
  sslEnabledProtocols: 'enabledProtocols',
  sslCipherSuites: 'cipherSuites',
} as const satisfies Partial<Record<keyof typeof sslSettings, keyof TlsSettings>>

type Read = ReadOptions<typeof securitySettings> & { resolver: Resolver; dialer: Dialer | undefined }

/**
 * How to connect, and who we are. What asks for TLS or a log-in gets it, or is an error: nothing goes out in the clear because one option takes
 * another back.
 *
 * @param given the options as they were spelled
 * @throws MoldauError INVALID_CONFIG
 */
export function clientSecurity(given: object, read: Read): { dialer?: Dialer; sasl?: SaslOptions } {
  const { securityProtocol: protocol, ssl, dialer } = read
  const [byProtocol, bySsl] = [spellingOf(given, securitySettings, 'securityProtocol'), spellingOf(given, sslSettings, 'ssl')]
  const [forTls, forLogin] = [firstOf(given, sslSettings, ssl === false ? ['ssl'] : []), firstOf(given, saslSettings)]
  const speaksTls = protocol === undefined ? ssl !== undefined && ssl !== false : protocol.endsWith('SSL')
  const logsIn = protocol === undefined ? forLogin !== undefined : protocol.startsWith('SASL')
  if (speaksTls && ssl === false) throw contradiction(`${byProtocol} ${protocol} speaks TLS, and ${bySsl} is false: leave one of them out`)
  if (!speaksTls && forTls !== undefined) {
    const remedy = 'set securityProtocol to SSL or SASL_SSL (or ssl: true), or leave it out'
    throw contradiction(
      protocol === undefined
        ? `${forTls} is given, and nothing asks for TLS: ${remedy}`
        : `${forTls} is given, and ${byProtocol} ${protocol} speaks no TLS: ${remedy}`,
    )
  }
  if (!logsIn && forLogin !== undefined) {
    throw contradiction(
      `${forLogin} is given, and ${byProtocol} ${protocol} has no log-in: set it to SASL_PLAINTEXT or SASL_SSL, or leave ${forLogin} out`,
    )
  }
  if (speaksTls && dialer !== undefined)
    throw contradiction(`${forTls ?? byProtocol} asks for TLS, and dialer makes the connections: let it speak TLS, or leave it out`)
  const sasl = logsIn ? saslOf(given, read) : undefined
  return {
    ...(speaksTls && { dialer: tlsDialer({ resolver: read.resolver, ...tlsOf(given, read) }) }),
    ...(sasl !== undefined && { sasl }),
  }
}

/** How the first of these options that is given was spelled. */
function firstOf<S extends Settings>(given: object, settings: S, but: readonly (keyof S)[] = []): string | undefined {
  const names = Object.keys(settings).filter((name) => !but.includes(name))
  return names.map((name) => spellingOf(given, settings, name)).find((spelling) => spelling !== undefined)
}

function tlsOf(given: object, read: Read): TlsDialerOptions {
  const names = (Object.keys(tlsFields) as (keyof typeof tlsFields)[]).filter((name) => read[name] !== undefined)
  const { ssl, sslEndpointIdentificationAlgorithm: identification } = read
  const { context, ...others } = typeof ssl === 'object' ? sslObject(ssl) : {}
  const checks = identification === undefined ? {} : { checkName: identification !== '' }
  if (names.length === 0) return { ...others, ...(context !== undefined && { context }), ...checks }
  if (context !== undefined && Object.keys(context).length > 0) {
    const other = spellingOf(given, sslSettings, names[0]!)
    throw contradiction(`ssl: { ${Object.keys(context).join(', ')} } and ${other} both say what TLS needs: leave one of them out`)
  }
  const settings = Object.fromEntries(names.map((name) => [tlsFields[name], read[name]]))
  return { ...others, context: secureContext({ ...NO_TLS_SETTINGS, ...settings }), ...checks }
}

function sslObject({ servername, rejectUnauthorized, ...context }: SslOptions): TlsDialerOptions {
  return {
    context: checkedContext('connect: ssl', context as NonNullable<TlsDialerOptions['context']>),
    ...(servername !== undefined && { servername }),
    ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
  }
}

/** Who we are, as an object, or as `sasl.jaas.config` says it. */
function saslOf(given: object, read: Read): SaslOptions {
  const { sasl, saslMechanism: mechanism, saslJaasConfig: jaas, securityProtocol } = read
  const other = firstOf(given, saslSettings, ['sasl'])
  if (sasl !== undefined && other !== undefined) throw contradiction(`sasl and ${other} both say who we are: leave one of them out`)
  const found = sasl ?? (mechanism !== undefined && jaas !== undefined ? fromJaas(mechanism, jaas) : undefined)
  if (found === undefined) {
    const asking = other ?? `${spellingOf(given, securitySettings, 'securityProtocol')} ${securityProtocol}`
    const [missing, why] =
      mechanism === undefined ? ['saslMechanism', " (Kafka's default, GSSAPI, is Kerberos: not spoken)"] : ['saslJaasConfig', '']
    throw contradiction(`${asking} asks for a log-in, and ${missing} is missing${why}: give it, or sasl: { mechanism, username, password }`)
  }
  // What is missing for the mechanism is said now, not by each connection.
  saslClient(found)
  return found
}

function fromJaas(mechanism: SaslOptions['mechanism'], jaas: string): SaslOptions {
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

function contradiction(message: string): MoldauError {
  return new MoldauError('INVALID_CONFIG', `connect: ${message}`)
}
