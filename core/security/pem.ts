import { MoldauError } from '../base/errors.ts'

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END \1-----/g

export interface PemBlock {
  /** `CERTIFICATE`, `PRIVATE KEY` */
  readonly label: string
  readonly text: string
}

/** The blocks of a PEM text. Line breaks that a properties file or a shell has eaten are put back. */
export function pemBlocks(text: string): PemBlock[] {
  return Array.from(text.matchAll(BLOCK), ([, label, body]) => ({ label: label!, text: `${block(label!, body!)}\n` }))
}

function block(label: string, body: string): string {
  // With headers (an old encrypted key) the lines mean something.
  if (body.includes(':')) return `-----BEGIN ${label}-----${body}-----END ${label}-----`
  const base64 = body.replaceAll('\\n', '').replaceAll(/\s+/g, '')
  const lines = base64.match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`].join('\n')
}

/**
 * The certificates of a PEM text, one after the other.
 *
 * @param setting names the text in errors
 * @throws MoldauError INVALID_CONFIG when there is none
 */
export function pemCertificates(setting: string, text: string): string {
  const found = pemBlocks(text).filter(({ label }) => label === 'CERTIFICATE')
  if (found.length === 0)
    throw new MoldauError('INVALID_CONFIG', `${setting}: there is no certificate in PEM form (-----BEGIN CERTIFICATE-----)`)
  return found.map(({ text: each }) => each).join('')
}

/**
 * The private key of a PEM text.
 *
 * @throws MoldauError INVALID_CONFIG when there is none, or more than one
 */
export function pemKey(setting: string, text: string): string {
  const found = pemBlocks(text).filter(({ label }) => label.endsWith('PRIVATE KEY'))
  if (found.length !== 1) {
    throw new MoldauError(
      'INVALID_CONFIG',
      `${setting}: one private key in PEM form is needed (-----BEGIN PRIVATE KEY-----), there are ${found.length}`,
    )
  }
  return found[0]!.text
}
