import { MoldauError } from '../base/errors.ts'
import { configProblem, flag, int, list, long, password, text, unset } from './config-type.ts'
import type { ConfigKey } from './config-type.ts'

const protocols = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const
export type SecurityProtocol = (typeof protocols)[number]

const storeTypes = ['PEM', 'PKCS12', 'JKS'] as const

/** Settings that each listener may have of its own, as `listener.name.<listener>.<setting>`. */
const ofListeners = {
  'connections.max.reauth.ms': long(
    0,
    'how long a log-in is good for; then the client logs in again, or the connection ends. 0: as long as the connection',
  ),
  'max.connection.creation.rate': int(2_147_483_647, 'new connections in a second; what comes faster waits for its turn', { min: 0 }),
  'max.connections': int(10_000, 'connections at the same time', { min: 0 }),
  'sasl.enabled.mechanisms': list(
    '',
    'ways to log in: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER (GSSAPI in Kafka, which is not served)',
  ),
  'sasl.jaas.config': password('users of PLAIN, as Kafka writes them; per listener and mechanism'),
  'sasl.oauthbearer.clock.skew.seconds': int(30, 'by how much clocks may differ', { min: 0 }),
  'sasl.oauthbearer.expected.audience': list('', 'a token must be for one of these'),
  'sasl.oauthbearer.expected.issuer': unset(text('', 'a token must be from this one')),
  'sasl.oauthbearer.jwks.endpoint.url': unset(text('', 'file with the public keys (JSON Web Key Set) of whoever issues tokens')),
  'sasl.oauthbearer.required.scopes': list('', 'a token must have all of these (ours, not of Kafka)'),
  'sasl.oauthbearer.scope.claim.name': text('scope', 'the claim with the scopes of a token'),
  'sasl.oauthbearer.sub.claim.name': text('sub', 'the claim with the name of the user'),
  'sasl.plain.users': password('users of PLAIN in short: alice:secret,bob:other (ours, not of Kafka)'),
  'sasl.server.max.receive.size': int(524_288, 'largest request, in bytes, of those who have not logged in', { min: 1 }),
  'ssl.allow.dn.changes': flag(false, 'may a certificate that is set while the broker runs have another name than the one before'),
  'ssl.allow.san.changes': flag(false, 'may a certificate that is set while the broker runs lack alternative names of the one before'),
  'ssl.cipher.suites': list('', 'ciphers by their OpenSSL names; empty for those that Node.js takes'),
  'ssl.client.auth': text('none', 'whether clients show a certificate', ['none', 'requested', 'required']),
  'ssl.enabled.protocols': list('TLSv1.2,TLSv1.3', 'versions of TLS', ['TLSv1.2', 'TLSv1.3']),
  'ssl.key.password': password('of the private key'),
  'ssl.keystore.certificate.chain': password('our certificate and those above it, as PEM text'),
  'ssl.keystore.key': password('our private key, as PEM text'),
  'ssl.keystore.location': unset(text('', 'file with our private key and certificates')),
  'ssl.keystore.password': password('of a keystore of type PKCS12'),
  'ssl.keystore.type': text('PEM', 'form of the keystore (JKS in Kafka, which Node.js cannot read)', storeTypes),
  'ssl.principal.mapping.rules': text('DEFAULT', 'from the name in a certificate to the name of a user'),
  'ssl.truststore.certificates': password("the certificates that clients' must be signed by, as PEM text"),
  'ssl.truststore.location': unset(text('', "file with the certificates that clients' must be signed by")),
  'ssl.truststore.password': password('of the truststore; one in PEM form has none'),
  'ssl.truststore.type': text('PEM', 'form of the truststore (JKS in Kafka, which Node.js cannot read)', storeTypes),
} satisfies Record<string, ConfigKey>

export type ListenerSettings = typeof ofListeners
export type ListenerSettingName = keyof ListenerSettings

export const listenerConfigs: Readonly<Record<ListenerSettingName, ConfigKey>> = ofListeners

/** The settings of listeners, logging in and access control. */
export const securityConfigs = {
  ...ofListeners,
  'advertised.listeners': unset(list('', 'what clients are told, where it is not the address listened on: NAME://host:port,...')),
  'allow.everyone.if.no.acl.found': flag(false, 'may everybody do everything with things that no access control entry names'),
  'authorizer.class.name': text(
    '',
    "what decides who may do what: empty for nothing, or Kafka's org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    ['', 'org.apache.kafka.metadata.authorizer.StandardAuthorizer', 'StandardAuthorizer'],
  ),
  'connection.failed.authentication.delay.ms': int(100, 'how long a failed log-in waits for its answer', { min: 0 }),
  'inter.broker.listener.name': unset(
    text('', 'listener that brokers use among themselves: one of the listeners, without effect as long as there is one broker'),
  ),
  'listener.security.protocol.map': text(
    'SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT',
    'from the names of listeners to what is spoken there',
  ),
  listeners: list('', 'where to listen: NAME://host:port,... An empty host stands for all addresses of this machine'),
  'max.connections.per.ip': int(2_147_483_647, 'connections from one address at the same time', { min: 0 }),
  'max.connections.per.ip.overrides': text('', 'other bounds for single addresses: 10.0.0.1:100,...'),
  'queued.max.request.bytes': long(-1, 'bytes of requests that arrive, over all connections; then no more begin to be read. -1: no bound'),
  'sasl.mechanism.inter.broker.protocol': text('GSSAPI', 'without effect as long as there is one broker'),
  'security.inter.broker.protocol': text('PLAINTEXT', 'without effect as long as there is one broker', protocols),
  'super.users': text('', 'who may do everything: User:alice;User:bob'),
} satisfies Record<string, ConfigKey>

const LISTENER_SETTING = /^listener\.name\.([^.]+)\.(?:(plain|scram-sha-256|scram-sha-512|oauthbearer)\.)?(.+)$/

/** A setting of one listener, taken apart. The mechanism, too, is in small letters. */
export function listenerSetting(name: string): { listener: string; mechanism: string | undefined; setting: string } | undefined {
  const match = LISTENER_SETTING.exec(name)
  return match === null ? undefined : { listener: match[1]!, mechanism: match[2], setting: match[3]! }
}

/** Whether a name is that of a setting of one listener. */
export function isListenerSetting(name: string): boolean {
  return name.startsWith('listener.name.')
}

/** @throws MoldauError INVALID_CONFIG for a setting that listeners do not have, or a value that it cannot have */
export function checkListenerSetting(name: string, value: string): void {
  const parts = listenerSetting(name)
  const key = parts === undefined ? undefined : (listenerConfigs as Readonly<Record<string, ConfigKey>>)[parts.setting]
  if (key === undefined) {
    const known = Object.keys(listenerConfigs).join(', ')
    throw new MoldauError(
      'INVALID_CONFIG',
      `'${name}' is no setting of a listener: write listener.name.<listener>.<setting>; settings are ${known}`,
    )
  }
  const problem = configProblem(name, key, value)
  if (problem !== undefined) throw new MoldauError('INVALID_CONFIG', problem)
}

export function isSecurityProtocol(text: string): text is SecurityProtocol {
  return (protocols as readonly string[]).includes(text)
}
