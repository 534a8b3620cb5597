import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { SecureContextOptions, SecureVersion } from 'node:tls'

import { MoldauError, messageOf } from '../base/errors.ts'
import { nodeTls } from '../base/node-tls.ts'
import { pemBlocks, pemCertificates, pemKey } from './pem.ts'

/** Kafka's `ssl.*` settings; empty texts are settings that are not given. */
export interface TlsSettings {
  keystoreType: string
  keystoreLocation: string
  keystorePassword: string
  keystoreKey: string
  keystoreCertificateChain: string
  keyPassword: string
  truststoreType: string
  truststoreLocation: string
  truststoreCertificates: string
  truststorePassword: string
  enabledProtocols: readonly string[]
  cipherSuites: readonly string[]
}

export const NO_TLS_SETTINGS: TlsSettings = {
  keystoreType: 'PEM',
  keystoreLocation: '',
  keystorePassword: '',
  keystoreKey: '',
  keystoreCertificateChain: '',
  keyPassword: '',
  truststoreType: 'PEM',
  truststoreLocation: '',
  truststoreCertificates: '',
  truststorePassword: '',
  enabledProtocols: ['TLSv1.2', 'TLSv1.3'],
  cipherSuites: [],
}

/** The files that the settings name: when one changes, {@link secureContext} gives something else. */
export function tlsFiles(settings: TlsSettings): string[] {
  return [settings.keystoreLocation, settings.truststoreLocation].filter((path) => path !== '')
}

/**
 * What node:tls wants to know, read from files where the settings name some.
 *
 * @param prefix stands before the names of settings in errors
 * @throws MoldauError INVALID_CONFIG naming the setting
 */
export function secureContext(settings: TlsSettings, prefix = ''): SecureContextOptions {
  const protocols = settings.enabledProtocols as readonly SecureVersion[]
  const options: SecureContextOptions = {}
  if (protocols.length > 0) {
    options.minVersion = protocols.includes('TLSv1.2') ? 'TLSv1.2' : 'TLSv1.3'
    options.maxVersion = protocols.includes('TLSv1.3') ? 'TLSv1.3' : 'TLSv1.2'
  }
  if (settings.cipherSuites.length > 0) options.ciphers = settings.cipherSuites.join(':')
  return {
    ...checkedContext(`${prefix}ssl.cipher.suites`, options),
    ...checkedContext(`${prefix}ssl.keystore`, keystore(settings, prefix)),
    ...checkedContext(`${prefix}ssl.truststore`, truststore(settings, prefix)),
  }
}

/** What OpenSSL finds wrong is found here, while it is known which setting it belongs to. */
export function checkedContext(setting: string, options: SecureContextOptions): SecureContextOptions {
  try {
    nodeTls().createSecureContext(options)
    return options
  } catch (cause) {
    throw new MoldauError('INVALID_CONFIG', `${setting}: ${messageOf(cause)}`, { cause })
  }
}

function keystore(settings: TlsSettings, prefix: string): SecureContextOptions {
  const { keystoreType, keystoreLocation, keystorePassword, keyPassword } = settings
  refuseJks(`${prefix}ssl.keystore.type`, keystoreType)
  const inText = settings.keystoreKey !== '' || settings.keystoreCertificateChain !== ''
  if (keystoreLocation === '' && !inText) return {}
  if (keystoreType === 'PKCS12') {
    if (inText)
      throw new MoldauError(
        'INVALID_CONFIG',
        `${prefix}ssl.keystore.key is PEM text: set ssl.keystore.type=PEM, or give ssl.keystore.location`,
      )
    return { pfx: read(`${prefix}ssl.keystore.location`, keystoreLocation), passphrase: keystorePassword }
  }
  const file = keystoreLocation === '' ? undefined : read(`${prefix}ssl.keystore.location`, keystoreLocation).toString('utf8')
  const chain = settings.keystoreCertificateChain || file || ''
  return {
    key: pemKey(`${prefix}${file === undefined ? 'ssl.keystore.key' : 'ssl.keystore.location'}`, settings.keystoreKey || file || ''),
    cert: pemCertificates(`${prefix}${file === undefined ? 'ssl.keystore.certificate.chain' : 'ssl.keystore.location'}`, chain),
    ...(keyPassword !== '' && { passphrase: keyPassword }),
  }
}

function truststore(settings: TlsSettings, prefix: string): SecureContextOptions {
  const { truststoreType, truststoreLocation, truststoreCertificates } = settings
  refuseJks(`${prefix}ssl.truststore.type`, truststoreType)
  if (truststoreCertificates !== '') return { ca: certificates(`${prefix}ssl.truststore.certificates`, truststoreCertificates) }
  if (truststoreLocation === '') return {}
  if (truststoreType === 'PKCS12') {
    const remedy = 'openssl pkcs12 -in store.p12 -nokeys -out ca.pem, then ssl.truststore.type=PEM'
    throw new MoldauError('INVALID_CONFIG', `${prefix}ssl.truststore.type: Node.js reads no truststore of type PKCS12: ${remedy}`)
  }
  const text = read(`${prefix}ssl.truststore.location`, truststoreLocation).toString('utf8')
  return { ca: certificates(`${prefix}ssl.truststore.location`, text) }
}

/** One text each: Node.js takes only the first certificate of a text as an authority, and says nothing of one that is damaged. */
function certificates(setting: string, text: string): string[] {
  return pemBlocks(pemCertificates(setting, text)).map((block) => whole(setting, block.text))
}

/** The certificate, if it can be read. */
function whole(setting: string, text: string): string {
  try {
    return new X509Certificate(text).toString()
  } catch (cause) {
    throw new MoldauError('INVALID_CONFIG', `${setting}: a certificate is damaged (${messageOf(cause)})`, { cause })
  }
}

function refuseJks(setting: string, type: string): void {
  if (type !== 'JKS') return
  const remedy = 'keytool -importkeystore -srckeystore store.jks -destkeystore store.p12 -deststoretype PKCS12'
  throw new MoldauError('INVALID_CONFIG', `${setting}: Node.js cannot read JKS: use PEM, or PKCS12 made by ${remedy}`)
}

function read(setting: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new MoldauError('INVALID_CONFIG', `${setting}: cannot read ${path} (${messageOf(cause)})`, { cause })
  }
}
