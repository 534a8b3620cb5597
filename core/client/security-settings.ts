import { scramMechanisms } from '../security/scram.ts'
import type { ScramMechanism } from '../security/scram.ts'
import type { SaslOptions } from '../security/sasl-client.ts'
import { suggestionOf } from './suggestion.ts'
import { flag, listOfWords, nonEmpty, oneOfWords, secret, text, words } from './setting-kinds.ts'
import { ownSetting, readOptions, setting } from './settings.ts'
import type { Kind, Options, Settings } from './settings.ts'

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

const isPem = (value: unknown): value is string | Buffer =>
  (typeof value === 'string' || Buffer.isBuffer(value)) && value.includes('-----BEGIN ')

const pem: Kind<string | Buffer> = {
  what: 'PEM (-----BEGIN …): the content of the file, not its path',
  isSecret: true,
  read: (value) => (isPem(value) ? value : undefined),
}

const pems: Kind<string | Buffer | readonly (string | Buffer)[]> = {
  ...pem,
  read: (value) => (isPem(value) || (Array.isArray(value) && value.every(isPem)) ? value : undefined),
}

const sslFields = {
  ca: ownSetting(pems),
  cert: ownSetting(pem),
  key: ownSetting(pem),
  passphrase: ownSetting(secret),
  servername: ownSetting(nonEmpty),
  rejectUnauthorized: ownSetting(flag),
} satisfies Record<keyof SslOptions, unknown>

const ssl: Kind<boolean | SslOptions> = {
  what: `true, false, or an object with ${Object.keys(sslFields).join(', ')}`,
  read: (value, name) => flag.read(value, name) ?? (isObject(value) ? fields<SslOptions>(value, sslFields, name) : undefined),
}

const mechanisms = ['PLAIN', ...(Object.keys(scramMechanisms) as ScramMechanism[]), 'OAUTHBEARER'] as const
const mechanism: Kind<SaslOptions['mechanism']> = {
  ...oneOfWords(...mechanisms),
  what: `one of ${mechanisms.join(', ')} (Kerberos, Kafka's GSSAPI, is not spoken)`,
}

const token: Kind<NonNullable<SaslOptions['token']>> = {
  what: 'a token, or a function that gets one',
  isSecret: true,
  read: (value) => (typeof value === 'string' || typeof value === 'function' ? (value as string) : undefined),
}

const saslFields = {
  mechanism: ownSetting(mechanism),
  username: ownSetting(text),
  password: ownSetting(secret),
  token: ownSetting(token),
} satisfies Record<keyof SaslOptions, unknown>

const sasl: Kind<SaslOptions> = {
  what: 'an object with mechanism, username and password, or mechanism and token',
  isSecret: true,
  read(value, name) {
    const read = isObject(value) ? fields<Partial<SaslOptions>>(value, saslFields, name) : undefined
    return read?.mechanism === undefined ? undefined : { ...read, mechanism: read.mechanism }
  },
}

const identification: Kind<'https' | ''> = { ...oneOfWords('https', ''), what: "'https', or '' for none" }
const storeType = oneOfWords('PEM', 'PKCS12', 'JKS')

export const sslSettings = {
  /** Speaks TLS with the brokers: true trusts whom Node.js trusts, an object says more in the terms of node:tls. */
  ssl: ownSetting(ssl),
  /** Of whom we trust: `PEM` (default) or `PKCS12`, which Node.js cannot read. */
  sslTruststoreType: setting('ssl.truststore.type', storeType),
  /** A file with the certificates of whom we trust. */
  sslTruststoreLocation: setting('ssl.truststore.location', nonEmpty),
  /** The same as text. */
  sslTruststoreCertificates: setting('ssl.truststore.certificates', nonEmpty),
  /** Not needed for PEM. */
  sslTruststorePassword: setting('ssl.truststore.password', secret),
  /** Of our own certificate and key: `PEM` (default) or `PKCS12`. */
  sslKeystoreType: setting('ssl.keystore.type', storeType),
  /** A file with our certificate and its key, for brokers that want to see one. */
  sslKeystoreLocation: setting('ssl.keystore.location', nonEmpty),
  /** Our key as text. */
  sslKeystoreKey: setting('ssl.keystore.key', secret),
  /** Our certificate, and those up to the authority, as text. */
  sslKeystoreCertificateChain: setting('ssl.keystore.certificate.chain', nonEmpty),
  /** Of a PKCS12 file. */
  sslKeystorePassword: setting('ssl.keystore.password', secret),
  /** Of a key that is encrypted. */
  sslKeyPassword: setting('ssl.key.password', secret),
  /** Versions of TLS; default both, `TLSv1.2` and `TLSv1.3`. */
  sslEnabledProtocols: setting('ssl.enabled.protocols', listOfWords('TLSv1.2', 'TLSv1.3')),
  /** In OpenSSL's order; default that of Node.js. */
  sslCipherSuites: setting('ssl.cipher.suites', words),
  /** `https` (default) compares the name in the broker's certificate with the host; empty text does not. */
  sslEndpointIdentificationAlgorithm: setting('ssl.endpoint.identification.algorithm', identification),
} as const

export const saslSettings = {
  /** Who we are, for brokers that want to know. */
  sasl: ownSetting(sasl),
  /** How to log in, with `saslJaasConfig`: `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or `OAUTHBEARER`. */
  saslMechanism: setting('sasl.mechanism', mechanism),
  /** Who we are in the form of Java's clients: `module required username="…" password="…";`. */
  saslJaasConfig: setting('sasl.jaas.config', secret),
} as const

export const securitySettings = {
  /** `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`; default what `ssl` and `sasl` say. */
  securityProtocol: setting('security.protocol', oneOfWords('PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL')),
  ...sslSettings,
  ...saslSettings,
} as const

/** Those of `connect` that concern security. */
export type SecuritySettings = Options<typeof securitySettings>

function fields<T extends object>(value: object, settings: Settings, name = 'options'): T {
  return readOptions(name, value, settings, (spelling) => suggestionOf(spelling, Object.keys(settings))) as unknown as T
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
