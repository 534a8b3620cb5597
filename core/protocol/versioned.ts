import { Reader, Writer } from '../base/bytes.ts'
import { MoldauError } from '../base/errors.ts'
import { decode, encode } from './codec.ts'
import type { Infer, Input, Message } from './schema.ts'

/** Messages that carry their own version, in 16 bits in front: records of the coordinators, and what members of a group exchange. */

/** The version of such a message, without reading the rest. */
export function versionOf(buf: Buffer): number {
  return new Reader(buf).int16()
}

export function encodeVersioned<M extends Message>(message: M, version: number, body: Input<M>): Buffer {
  const w = new Writer(128)
  w.int16(version)
  encode(message, version, body, w)
  return w.toBuffer()
}

/**
 * Reads a message in whatever version it has.
 *
 * @param newer what to do with a version above those that we know: 'refuse' (records of the coordinators), or read it as the
 * newest that we know, which Kafka's consumers promise to each other because fields are only ever added at the end
 * @throws MoldauError CORRUPT_FRAME, UNSUPPORTED_VERSION
 */
export function decodeVersioned<M extends Message>(message: M, buf: Buffer, newer: 'refuse' | 'as newest' = 'refuse'): Infer<M> {
  const r = new Reader(buf)
  const version = r.int16()
  if (version < 0) throw new MoldauError('CORRUPT_FRAME', `${message.name}: version ${version}`)
  return decode(message, newer === 'as newest' ? Math.min(version, message.versions.last) : version, r)
}
