import { MoldauError } from '../base/errors.ts'
import { nextPosition, readVarint, readVarlong } from './varint.ts'

/** A record is no smaller: length, attributes, timestamp, offset, key length, value length, header count. */
export const RECORD_BYTES_MIN = 7

/** What a walk over the records of a batch has seen. Filled anew by each walk, so that nothing is made for a batch. */
export interface Walked {
  /** Milliseconds since 1970, -1 for none. */
  minTimestamp: number
  maxTimestamp: number
  /** Whether a record has a null key. */
  keyless: boolean
}

/**
 * Goes over the uncompressed records of a batch that fill `buf[start, end)`, without decoding or making anything: their lengths must lead
 * from one to the next and end where the batch does, their offsets must be 0, 1, 2 and so on.
 *
 * Nearly all numbers in a record take one byte or two, so that is written out; the calls are for those that take more. A byte may be read
 * behind a record or the buffer: the position is compared before anything is made of it.
 *
 * @throws CORRUPT_BATCH naming what is wrong
 */
export function walkRecords(buf: Buffer, start: number, end: number, count: number, baseTimestamp: number, walked: Walked): void {
  if (count * RECORD_BYTES_MIN > end - start) throw corrupt(`it claims ${count} records in ${end - start} bytes`)
  let least = 0
  let largest = 0
  let keyless = false
  let at = start
  let more = 0
  for (let i = 0; i < count; i++) {
    let length = buf[at++]!
    if (length > 0x7f) {
      more = buf[at++]!
      length = (length & 0x7f) | (more << 7)
    }
    if (more < 0x80) length = (length >>> 1) ^ -(length & 1)
    else {
      length = readVarint(buf, at - 2, end)
      at = nextPosition
      more = 0
    }
    const recordEnd = at + length
    if (length < RECORD_BYTES_MIN - 1 || recordEnd > end) throw corrupt(`record ${i} claims ${length} bytes, ${end - at} are left`)
    at++ // the attributes of a record are unused

    let delta = buf[at++]!
    if (delta > 0x7f) {
      more = buf[at++]!
      delta = (delta & 0x7f) | (more << 7)
    }
    if (more < 0x80) delta = (delta >>> 1) ^ -(delta & 1)
    else {
      delta = readVarlong(buf, at - 2, recordEnd)
      at = nextPosition
      more = 0
    }
    if (i === 0) least = largest = delta
    else if (delta > largest) largest = delta
    else if (delta < least) least = delta

    let offset = buf[at++]!
    if (offset > 0x7f) {
      more = buf[at++]!
      offset = (offset & 0x7f) | (more << 7)
    }
    if (more < 0x80) offset = (offset >>> 1) ^ -(offset & 1)
    else {
      offset = readVarint(buf, at - 2, recordEnd)
      at = nextPosition
      more = 0
    }
    if (offset !== i) throw corrupt(`record ${i} has offset delta ${offset}`)

    let keyLength = buf[at++]!
    if (keyLength > 0x7f) {
      more = buf[at++]!
      keyLength = (keyLength & 0x7f) | (more << 7)
    }
    if (more < 0x80) keyLength = (keyLength >>> 1) ^ -(keyLength & 1)
    else {
      keyLength = readVarint(buf, at - 2, recordEnd)
      at = nextPosition
      more = 0
    }
    if (keyLength < 0) {
      if (keyLength < -1) throw corrupt(`the key of record ${i} claims ${keyLength} bytes`)
      keyless = true
    } else at += keyLength
    if (at >= recordEnd) throw corrupt(`record ${i} ends in its key`)

    let valueLength = buf[at++]!
    if (valueLength > 0x7f) {
      more = buf[at++]!
      valueLength = (valueLength & 0x7f) | (more << 7)
    }
    if (more < 0x80) valueLength = (valueLength >>> 1) ^ -(valueLength & 1)
    else {
      valueLength = readVarint(buf, at - 2, recordEnd)
      at = nextPosition
      more = 0
    }
    if (valueLength > 0) at += valueLength
    else if (valueLength < -1) throw corrupt(`the value of record ${i} claims ${valueLength} bytes`)
    if (at >= recordEnd) throw corrupt(`record ${i} ends in its value`)

    if (buf[at] === 0) at++
    else at = walkHeaders(buf, at, recordEnd, i)
    if (at !== recordEnd) throw corrupt(`record ${i} ends ${recordEnd - at} bytes before its length says`)
  }
  if (at !== end) throw corrupt(`${end - at} bytes follow the last of its ${count} records`)
  walked.minTimestamp = baseTimestamp + least
  walked.maxTimestamp = baseTimestamp + largest
  walked.keyless = keyless
}

/** Goes over the headers of record `i`; returns the position after them. */
export function walkHeaders(buf: Buffer, at: number, end: number, i: number): number {
  const count = readVarint(buf, at, end)
  at = nextPosition
  if (count < 0 || count * 2 > end - at) throw corrupt(`record ${i} claims ${count} headers in ${end - at} bytes`)
  for (let h = 0; h < count; h++) {
    const keyBytes = readVarint(buf, at, end)
    if (keyBytes < 0 || keyBytes > end - nextPosition) throw corrupt(`the key of header ${h} of record ${i} claims ${keyBytes} bytes`)
    const valueBytes = readVarint(buf, nextPosition + keyBytes, end)
    if (valueBytes < -1 || valueBytes > end - nextPosition)
      throw corrupt(`the value of header ${h} of record ${i} claims ${valueBytes} bytes`)
    at = nextPosition + Math.max(valueBytes, 0)
  }
  return at
}

/** What is wrong with the records of a batch. */
export function corrupt(what: string): MoldauError {
  return new MoldauError('CORRUPT_BATCH', `record batch: ${what}`)
}
