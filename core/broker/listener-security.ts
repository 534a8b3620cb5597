import { MoldauError } from '../base/errors.ts'
import type { Clock } from '../base/clock.ts'
import { parseJaas } from '../security/jaas.ts'
import { Jwks } from '../security/jwks.ts'
import { oauthBearerServer } from '../security/oauthbearer-server.ts'
import { plainServer } from '../security/plain-server.ts'
import type { SaslServerFactory } from '../security/sasl.ts'
import { isScram } from '../security/scram.ts'
import { scramServer } from '../security/scram-server.ts'
import type { CredentialLookup } from '../security/scram-server.ts'
import type { TlsSettings } from '../security/tls-settings.ts'
import type { ListenerConfig } from './listener-config.ts'
import type { OfferedMechanism } from './sasl-authentication.ts'

const PLAIN_MODULE = 'org.apache.kafka.common.security.plain.PlainLoginModule'
const USER_OPTION = 'user_'

/** How clients can log in at a listener, as its settings say. @throws MoldauError INVALID_CONFIG */
export async function offeredMechanisms(
  config: ListenerConfig,
  lookup: CredentialLookup,
  clock: Clock,
): Promise<Map<string, OfferedMechanism>> {
  const offered = new Map<string, OfferedMechanism>()
  for (const mechanism of config.get('sasl.enabled.mechanisms')) {
    offered.set(mechanism, {
      server: await serverFor(mechanism, config, lookup, clock),
      maxReauthMs: config.get('connections.max.reauth.ms', mechanism),
    })
  }
  if (offered.size > 0) return offered
  const name = config.nameOf('sasl.enabled.mechanisms')
  throw new MoldauError('INVALID_CONFIG', `${name} is empty: say how clients log in, for example SCRAM-SHA-512`)
}

function serverFor(
  mechanism: string,
  config: ListenerConfig,
  lookup: CredentialLookup,
  clock: Clock,
): SaslServerFactory | Promise<SaslServerFactory> {
  if (mechanism === 'PLAIN') return plainServer(plainUsers(config))
  if (isScram(mechanism)) return scramServer(mechanism, lookup)
  if (mechanism === 'OAUTHBEARER') return bearer(config, clock)
  const known = 'PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER'
  throw new MoldauError('INVALID_CONFIG', `sasl.enabled.mechanisms: '${mechanism}' is not served; ${known} are`)
}

function plainUsers(config: ListenerConfig): Map<string, string> {
  const users = new Map<string, string>()
  const jaas = config.get('sasl.jaas.config', 'PLAIN')
  if (jaas !== '') {
    const { module, options } = parseJaas('sasl.jaas.config', jaas)
    if (module === PLAIN_MODULE) {
      for (const [name, value] of options) if (name.startsWith(USER_OPTION)) users.set(name.slice(USER_OPTION.length), value)
    }
  }
  for (const entry of config.get('sasl.plain.users').split(',')) {
    const colon = entry.indexOf(':')
    if (entry.trim() !== '' && colon <= 0)
      throw new MoldauError('INVALID_CONFIG', 'sasl.plain.users: an entry is not of the form user:password')
    if (colon > 0) users.set(entry.slice(0, colon).trim(), entry.slice(colon + 1))
  }
  if (users.size > 0) return users
  throw new MoldauError(
    'INVALID_CONFIG',
    'PLAIN is enabled and nobody can log in: set sasl.plain.users, or sasl.jaas.config with user_<name>="<password>"',
  )
}

async function bearer(config: ListenerConfig, clock: Clock): Promise<SaslServerFactory> {
  const url = config.get('sasl.oauthbearer.jwks.endpoint.url', 'OAUTHBEARER')
  if (url === '')
    throw new MoldauError('INVALID_CONFIG', 'OAUTHBEARER is enabled: name the file with the keys, sasl.oauthbearer.jwks.endpoint.url')
  const rules = {
    audiences: config.get('sasl.oauthbearer.expected.audience', 'OAUTHBEARER'),
    issuer: config.get('sasl.oauthbearer.expected.issuer', 'OAUTHBEARER'),
    scopeClaim: config.get('sasl.oauthbearer.scope.claim.name', 'OAUTHBEARER'),
    subClaim: config.get('sasl.oauthbearer.sub.claim.name', 'OAUTHBEARER'),
    clockSkewMs: config.get('sasl.oauthbearer.clock.skew.seconds', 'OAUTHBEARER') * 1000,
    requiredScopes: config.get('sasl.oauthbearer.required.scopes', 'OAUTHBEARER'),
  }
  return oauthBearerServer(await Jwks.open(url, clock), rules, clock)
}

/** The `ssl.*` settings of a listener. */
export function tlsSettings(config: ListenerConfig): TlsSettings {
  return {
    keystoreType: config.get('ssl.keystore.type'),
    keystoreLocation: config.get('ssl.keystore.location'),
    keystorePassword: config.get('ssl.keystore.password'),
    keystoreKey: config.get('ssl.keystore.key'),
    keystoreCertificateChain: config.get('ssl.keystore.certificate.chain'),
    keyPassword: config.get('ssl.key.password'),
    truststoreType: config.get('ssl.truststore.type'),
    truststoreLocation: config.get('ssl.truststore.location'),
    truststoreCertificates: config.get('ssl.truststore.certificates'),
    truststorePassword: config.get('ssl.truststore.password'),
    enabledProtocols: config.get('ssl.enabled.protocols'),
    cipherSuites: config.get('ssl.cipher.suites'),
  }
}
