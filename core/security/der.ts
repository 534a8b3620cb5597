import { MoldauError } from '../base/errors.ts'

/** One element of DER, the form that certificates have. */
export interface DerElement {
  readonly tag: number
  /** The whole element with its header. */
  readonly bytes: Buffer
  readonly content: Buffer
}

export const derTags = { integer: 0x02, oid: 0x06, sequence: 0x30, set: 0x31, context0: 0xa0 } as const

/**
 * The elements that stand one after the other.
 *
 * @throws MoldauError CORRUPT_FRAME
 */
export function derElements(bytes: Buffer): DerElement[] {
  const found: DerElement[] = []
  for (let at = 0; at < bytes.length;) {
    const { start, end } = extent(bytes, at)
    found.push({ tag: bytes[at]!, bytes: bytes.subarray(at, end), content: bytes.subarray(start, end) })
    at = end
  }
  return found
}

function extent(bytes: Buffer, at: number): { start: number; end: number } {
  const first = bytes[at + 1] ?? 0
  const wide = first < 0x80 ? 0 : first & 0x7f
  const start = at + 2 + wide
  if (wide > 4 || start > bytes.length) throw corrupt()
  const length = wide === 0 ? first : bytes.readUIntBE(at + 2, wide)
  if (start + length > bytes.length) throw corrupt()
  return { start, end: start + length }
}

/** `2.5.4.3` */
export function oidText(content: Buffer): string {
  const numbers: number[] = []
  let value = 0
  for (const byte of content) {
    value = value * 128 + (byte & 0x7f)
    if (byte & 0x80) continue
    if (numbers.length === 0) numbers.push(Math.min(2, Math.floor(value / 40)), value - 40 * Math.min(2, Math.floor(value / 40)))
    else numbers.push(value)
    value = 0
  }
  return numbers.join('.')
}

function corrupt(): MoldauError {
  return new MoldauError('CORRUPT_FRAME', 'a certificate is not in DER form')
}
