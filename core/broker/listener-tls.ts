import type { SecureContextOptions } from 'node:tls'
import { isDeepStrictEqual } from 'node:util'

import type { Clock } from '../base/clock.ts'
import { MoldauError, messageOf } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import { certificateChangeProblem } from '../security/certificate-change.ts'
import { secureContext } from '../security/tls-settings.ts'
import type { TlsSettings } from '../security/tls-settings.ts'
import type { BrokerConfig } from './broker-config.ts'
import { CertificateWatch } from './certificate-watch.ts'
import { ListenerConfig } from './listener-config.ts'
import { tlsSettings } from './listener-security.ts'

export interface ListenerTlsOptions {
  /** Of the listener, in any letters. */
  name: string
  config: BrokerConfig
  clock: Clock
  logger: Logger
}

/**
 * What a listener shows to its clients, and whom of them it believes: made from its settings, and anew when these change (KIP-226) or the files that
 * they name.
 */
export class ListenerTls {
  readonly #options: ListenerTlsOptions
  /** As they are wanted; when they cannot be used, what was there before is. */
  #settings: TlsSettings
  #context: SecureContextOptions
  #watch: CertificateWatch | undefined
  #replace: (context: SecureContextOptions) => void

  /** @throws MoldauError INVALID_CONFIG */
  constructor(options: ListenerTlsOptions) {
    this.#options = options
    this.#replace = () => {}
    this.#settings = tlsSettings(new ListenerConfig(options.config, options.name))
    this.#context = this.#begin()
    this.#watch = undefined
  }

  get context(): SecureContextOptions {
    return this.#context
  }

  /** From now on the listener is told when there is something new. */
  attach(replace: (context: SecureContextOptions) => void): void {
    this.#replace = replace
    this.#lookAfterFiles()
  }

  /** Why the listener cannot go on with other settings, with the name of the one to blame; undefined when it can. */
  problemWith(next: BrokerConfig): string | undefined {
    const config = new ListenerConfig(next, this.#options.name)
    const settings = tlsSettings(config)
    if (isDeepStrictEqual(settings, this.#settings)) return undefined
    try {
      const allowed = { dn: config.get('ssl.allow.dn.changes'), san: config.get('ssl.allow.san.changes') }
      const problem = certificateChangeProblem(this.#context, this.#read(settings), allowed)
      return problem && `listener.name.${this.#options.name.toLowerCase()}.ssl.keystore: ${problem}`
    } catch (error) {
      return messageOf(error)
    }
  }

  /** Takes the settings of now, if they are others. */
  reconfigure(): void {
    const { config, name, logger } = this.#options
    const settings = tlsSettings(new ListenerConfig(config, name))
    if (isDeepStrictEqual(settings, this.#settings)) return
    this.#settings = settings
    this.#lookAfterFiles()
    try {
      this.#use(this.#read(settings))
      logger.info({ listener: name }, `listener ${name} has other certificates for new connections`)
    } catch (error) {
      // A file that has changed since it was looked at, a moment ago.
      logger.error({ listener: name, err: error }, `listener ${name} keeps its certificates: ${messageOf(error)}`)
    }
  }

  close(): void {
    this.#watch?.close()
  }

  /**
   * A certificate that was set while the broker ran may be of no use any more, since its file is gone: then the one given at the start is shown, so
   * that the broker comes up and can be told better. Whom it believes is never taken back to what it was before.
   */
  #begin(): SecureContextOptions {
    const { config, name, logger } = this.#options
    const settings = this.#settings
    try {
      return this.#read(settings)
    } catch (error) {
      const { truststoreType, truststoreLocation, truststoreCertificates, truststorePassword } = settings
      const given = tlsSettings(new ListenerConfig(config.asGiven(), name))
      const former = { ...given, truststoreType, truststoreLocation, truststoreCertificates, truststorePassword }
      if (isDeepStrictEqual(former, settings)) throw error
      const context = this.#read(former)
      const message = `the certificate that listener ${name} got while the broker ran cannot be used, the one of the start is: ${messageOf(error)}`
      logger.error({ listener: name, err: error }, message)
      return context
    }
  }

  #read(settings: TlsSettings): SecureContextOptions {
    const { name } = this.#options
    const prefix = `listener.name.${name.toLowerCase()}.`
    const context = secureContext(settings, prefix)
    if (context.key !== undefined || context.pfx !== undefined) return context
    throw new MoldauError(
      'INVALID_CONFIG',
      `listener ${name} speaks TLS and has no certificate: set ssl.keystore.location, or ssl.keystore.key and ssl.keystore.certificate.chain`,
    )
  }

  #use(context: SecureContextOptions): void {
    this.#replace(context)
    this.#context = context
  }

  #lookAfterFiles(): void {
    const { clock, logger } = this.#options
    const settings = this.#settings
    this.#watch?.close()
    this.#watch = new CertificateWatch({ settings, replace: () => this.#use(this.#read(settings)), clock, logger })
  }
}
