import { derElements, derTags, oidText } from './der.ts'
import type { DerElement } from './der.ts'

/** The names that RFC 2253 gives to kinds of attributes; all others are written as numbers and bytes. */
const attributeNames: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'STREET',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
}

const TELETEX = 0x14
const BMP = 0x1e

/**
 * Who a certificate was made for, in the form that Kafka's rules and ACLs see (RFC 2253, Java's X500Principal.getName): `CN=alice,O=moldau,C=CZ`.
 *
 * @param certificate in DER
 */
export function subjectOf(certificate: Buffer): string {
  const signed = derElements(derElements(certificate)[0]!.content)[0]!
  const parts = derElements(signed.content)
  // version (may be missing), serial number, algorithm, issuer, validity, subject
  const subject = parts[parts[0]!.tag === derTags.context0 ? 5 : 4]!
  return derElements(subject.content).toReversed().map(relativeName).join(',')
}

function relativeName(set: DerElement): string {
  return derElements(set.content).map(attribute).join('+')
}

function attribute(pair: DerElement): string {
  const [type, value] = derElements(pair.content) as [DerElement, DerElement]
  const oid = oidText(type.content)
  const name = attributeNames[oid]
  return name === undefined ? `${oid}=#${value.bytes.toString('hex')}` : `${name}=${escaped(textOf(value))}`
}

function textOf({ tag, content }: DerElement): string {
  if (tag === BMP) return Buffer.from(content).swap16().toString('utf16le')
  return content.toString(tag === TELETEX ? 'latin1' : 'utf8')
}

function escaped(text: string): string {
  return text
    .replaceAll(/[,+"\\<>;]/g, String.raw`\$&`)
    .replace(/^[# ]/, String.raw`\$&`)
    .replace(/ $/, String.raw`\ `)
}
