import { X509Certificate } from 'node:crypto'
import type { SecureContextOptions } from 'node:tls'

import { nodeTls } from '../base/node-tls.ts'
import { pemBlocks } from './pem.ts'
import { subjectOf } from './distinguished-name.ts'

/** What a new certificate may do that the one before did not (Kafka's `ssl.allow.dn.changes` and `ssl.allow.san.changes`). */
export interface AllowedChanges {
  readonly dn: boolean
  readonly san: boolean
}

/**
 * Why one certificate cannot take the place of another, whose clients know it by its names; undefined when it can, as in Kafka's SslFactory.
 *
 * @param before and `next` are what listeners show: the first certificate of a chain counts
 */
export function certificateChangeProblem(
  before: SecureContextOptions,
  next: SecureContextOptions,
  allowed: AllowedChanges,
): string | undefined {
  const [old, fresh] = [leafOf(before), leafOf(next)]
  if (old === undefined || fresh === undefined) return undefined
  const [oldName, name] = [subjectOf(old.raw), subjectOf(fresh.raw)]
  if (!allowed.dn && oldName.toLowerCase() !== name.toLowerCase()) {
    return `the new certificate is for ${name}, not for ${oldName} as before: ssl.allow.dn.changes=true allows it`
  }
  const missing = namesOf(old).filter((each) => !namesOf(fresh).includes(each))
  if (!allowed.san && missing.length > 0) {
    return `the new certificate lacks the names ${missing.join(', ')} that the one before has: ssl.allow.san.changes=true allows it`
  }
  return undefined
}

function leafOf({ cert, pfx, passphrase }: SecureContextOptions): X509Certificate | undefined {
  if (pfx !== undefined) return leafOfPfx({ pfx, ...(passphrase !== undefined && { passphrase }) })
  const [first] = pemBlocks(String(cert ?? ''))
  return first === undefined ? undefined : new X509Certificate(first.text)
}

/** Only OpenSSL reads PKCS12 here; the way to what it has found is private to Node: where it is not as we know it, nothing is compared. */
function leafOfPfx(options: SecureContextOptions): X509Certificate | undefined {
  const { context } = nodeTls().createSecureContext(options) as { context?: { getCertificate?: () => Buffer | null } }
  const found = context?.getCertificate?.()
  return found ? new X509Certificate(found) : undefined
}

function namesOf({ subjectAltName }: X509Certificate): string[] {
  return subjectAltName?.split(', ') ?? []
}
