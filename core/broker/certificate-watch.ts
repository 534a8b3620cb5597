import { statSync } from 'node:fs'

import type { Clock, Timer } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import { tlsFiles } from '../security/tls-settings.ts'
import type { TlsSettings } from '../security/tls-settings.ts'

/** How often the files are looked at. */
const LOOK_MS = 2000

export interface CertificateWatchOptions {
  settings: TlsSettings
  /** Reads the files again. @throws when what they say cannot be used: the old certificates stay */
  replace: () => void
  clock: Clock
  logger: Logger
}

/** Sees that certificates have been renewed, so that the broker need not be started again (Kafka is told by a change of settings). */
export class CertificateWatch {
  readonly #options: CertificateWatchOptions
  #stamp: string
  #timer: Timer | undefined

  constructor(options: CertificateWatchOptions) {
    this.#options = options
    this.#stamp = stampOf(options.settings)
    this.#timer = undefined
    if (tlsFiles(options.settings).length > 0) this.#lookLater()
  }

  close(): void {
    this.#timer?.cancel()
  }

  #lookLater(): void {
    this.#timer = this.#options.clock.after(LOOK_MS, () => {
      this.#look()
      this.#lookLater()
    })
  }

  #look(): void {
    const { settings, replace, logger } = this.#options
    const stamp = stampOf(settings)
    if (stamp === this.#stamp) return
    this.#stamp = stamp
    const files = tlsFiles(settings).join(', ')
    try {
      replace()
      logger.info({ files }, `certificates were read again from ${files}`)
    } catch (error) {
      logger.error({ files, err: error }, `new certificates in ${files} cannot be used, the old ones stay: ${messageOf(error)}`)
    }
  }
}

/** Changes when a file does; one that cannot be looked at is another change. */
function stampOf(settings: TlsSettings): string {
  return tlsFiles(settings)
    .map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false })
      return stat === undefined ? 'missing' : `${stat.mtimeMs} ${stat.size} ${stat.ino}`
    })
    .join()
}
