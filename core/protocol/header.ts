import { Reader, Writer } from '../base/bytes.ts'
import { MoldauError } from '../base/errors.ts'
import { isFlexible } from './api.ts'
import type { Api } from './api.ts'
import { apiByKey } from './apis.ts'
import { decode, encode } from './codec.ts'
import type { Infer, Input, Message } from './schema.ts'
import { readNullableString, skipTags, writeNullableString } from './wire.ts'

/**
 * Frames: four bytes of length, a header, a body. A request header is version 1, or 2 (with a tagged trailer) when the body is
 * flexible; a response header is version 0 or 1 by the same rule, except that ApiVersions is always answered with version 0, because
 * the asker does not know yet what the broker understands (KIP-511).
 */

const API_VERSIONS_KEY = 18

export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string | null
  /** Stands at the first byte of the body. */
  readonly reader: Reader
}

/** A whole request frame with its length, as a list of chunks. */
export function encodeRequest<Req extends Message>(
  call: Api<Req>,
  version: number,
  correlationId: number,
  clientId: string | null,
  body: Input<Req>,
): Buffer[] {
  const w = new Writer()
  w.int32(0)
  w.int16(call.key)
  w.int16(version)
  w.int32(correlationId)
  writeNullableString(w, clientId)
  if (isFlexible(call, version)) w.uvarint(0)
  encode(call.request, version, body, w)
  return framed(w)
}

/**
 * Reads the header of a request.
 *
 * @param frame the frame behind its length
 * @throws MoldauError CORRUPT_FRAME; UNSUPPORTED_VERSION for a call of which we know nothing, not even the form of its header
 */
export function decodeRequestHeader(frame: Buffer): RequestHeader {
  const reader = new Reader(frame)
  const apiKey = reader.int16()
  const apiVersion = reader.int16()
  const correlationId = reader.int32()
  const call = apiByKey(apiKey)
  if (call === undefined) throw new MoldauError('UNSUPPORTED_VERSION', `request with api key ${apiKey}, which moldau does not know`)
  const clientId = readNullableString(reader)
  if (isFlexible(call, apiVersion)) skipTags(reader)
  return { apiKey, apiVersion, correlationId, clientId, reader }
}

/** A whole response frame with its length, as a list of chunks. */
export function encodeResponse<Res extends Message>(
  call: Api<Message, Res>,
  version: number,
  correlationId: number,
  body: Input<Res>,
): Buffer[] {
  const w = new Writer()
  w.int32(0)
  w.int32(correlationId)
  if (hasResponseTags(call, version)) w.uvarint(0)
  encode(call.response, version, body, w)
  return framed(w)
}

/**
 * Reads a response. A broker that does not know our version of ApiVersions answers in version 0, with UNSUPPORTED_VERSION and (since
 * KIP-511) the versions it knows: this is tried when the version asked for does not fit.
 *
 * @param frame the frame behind its length
 * @throws MoldauError CORRUPT_FRAME naming the field
 */
export function decodeResponse<Res extends Message>(
  call: Api<Message, Res>,
  version: number,
  frame: Buffer,
): { correlationId: number; body: Infer<Res> } {
  const reader = new Reader(frame)
  const correlationId = reader.int32()
  if (hasResponseTags(call, version)) skipTags(reader)
  const { pos, end } = reader
  try {
    return { correlationId, body: decode(call.response, version, reader) }
  } catch (error) {
    if (call.key !== API_VERSIONS_KEY || version === 0) throw error
    return { correlationId, body: decode(call.response, 0, new Reader(frame, pos, end)) }
  }
}

function hasResponseTags(call: Api, version: number): boolean {
  return call.key !== API_VERSIONS_KEY && isFlexible(call, version)
}

function framed(w: Writer): Buffer[] {
  const chunks = w.chunks()
  // The first chunk is the writer's own memory and holds the length.
  chunks[0]!.writeInt32BE(w.length - 4, 0)
  return chunks
}
