import { MoldauError } from './errors.ts'
import { uuidText, ZERO_UUID } from './uuid.ts'

const TWO_32 = 4_294_967_296

function short(reader: Reader, wanted: number): never {
  throw new MoldauError('CORRUPT_FRAME', `${wanted} bytes wanted at ${reader.pos}, ${reader.end - reader.pos} left`)
}

/** Reads big-endian values one after the other. Whatever would pass the end throws CORRUPT_FRAME and leaves `pos` where it was. */
export class Reader {
  readonly buf: Buffer
  /** Position of the next byte. */
  pos: number
  /** Position behind the last byte that may be read. */
  end: number

  constructor(buf: Buffer, pos = 0, end = buf.length) {
    this.buf = buf
    this.pos = pos
    this.end = end
  }

  get remaining(): number {
    return this.end - this.pos
  }

  int8(): number {
    if (this.pos >= this.end) short(this, 1)
    return (this.buf[this.pos++]! << 24) >> 24
  }

  bool(): boolean {
    if (this.pos >= this.end) short(this, 1)
    return this.buf[this.pos++] !== 0
  }

  int16(): number {
    return (this.uint16() << 16) >> 16
  }

  uint16(): number {
    const at = this.pos
    if (at + 2 > this.end) short(this, 2)
    this.pos = at + 2
    return (this.buf[at]! << 8) | this.buf[at + 1]!
  }

  int32(): number {
    const at = this.pos
    if (at + 4 > this.end) short(this, 4)
    this.pos = at + 4
    const buf = this.buf
    return (buf[at]! << 24) | (buf[at + 1]! << 16) | (buf[at + 2]! << 8) | buf[at + 3]!
  }

  uint32(): number {
    return this.int32() >>> 0
  }

  /** A 64-bit integer as a number; throws for one that a number cannot hold exactly. */
  int64(): number {
    const at = this.pos
    if (at + 8 > this.end) short(this, 8)
    const high = this.int32()
    const value = high * TWO_32 + this.uint32()
    if (high > 0x1fffff || value < Number.MIN_SAFE_INTEGER) {
      this.pos = at
      throw new MoldauError('CORRUPT_FRAME', `the int64 ${this.buf.readBigInt64BE(at)} at ${at} is beyond 2^53, which no Kafka field needs`)
    }
    return value
  }

  int64Exact(): bigint {
    const at = this.pos
    if (at + 8 > this.end) short(this, 8)
    this.pos = at + 8
    return this.buf.readBigInt64BE(at)
  }

  float64(): number {
    const at = this.pos
    if (at + 8 > this.end) short(this, 8)
    this.pos = at + 8
    return this.buf.readDoubleBE(at)
  }

  /** An unsigned 32-bit integer, 7 bits a byte, low bits first. */
  uvarint(): number {
    const { buf, end } = this
    let at = this.pos
    if (at < end && buf[at]! < 0x80) {
      this.pos = at + 1
      return buf[at]!
    }
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      if (at >= end) short(this, at - this.pos + 1)
      const byte = buf[at++]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        if (shift === 28 && byte > 0x0f) break
        this.pos = at
        return value >>> 0
      }
    }
    throw new MoldauError('CORRUPT_FRAME', `the variable-length integer at ${this.pos} has more than 32 bits`)
  }

  /** A signed 32-bit integer in zigzag form: 0, -1, 1, -2, ... */
  varint(): number {
    const raw = this.uvarint()
    return (raw >>> 1) ^ -(raw & 1)
  }

  /** A signed 64-bit integer in zigzag form as a number; throws beyond 2^53. */
  varlong(): number {
    const { buf, end } = this
    let at = this.pos
    let half = 0
    let sign = 0
    for (let scale = 0.5, bytes = 0; bytes < 10; bytes++, scale *= 128) {
      if (at >= end) short(this, at - this.pos + 1)
      const byte = buf[at++]!
      if (bytes === 0) {
        sign = byte & 1
        half = (byte & 0x7e) >> 1
      } else half += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (half > Number.MAX_SAFE_INTEGER) break
        this.pos = at
        return sign === 0 ? half : -half - 1
      }
    }
    throw new MoldauError('CORRUPT_FRAME', `the variable-length integer at ${this.pos} is beyond 2^53`)
  }

  /** The next `length` bytes, not copied: they change when the buffer changes, and keep it alive. */
  slice(length: number): Buffer {
    const at = this.pos
    if (length < 0 || length > this.end - at) short(this, length)
    this.pos = at + length
    return this.buf.subarray(at, at + length)
  }

  /** The next `length` bytes as UTF-8. */
  string(length: number): string {
    const at = this.pos
    if (length < 0 || length > this.end - at) short(this, length)
    this.pos = at + length
    return length === 0 ? '' : this.buf.toString('utf8', at, at + length)
  }

  /** A UUID in Kafka's text form (see uuid.ts). */
  uuid(): string {
    const at = this.pos
    if (at + 16 > this.end) short(this, 16)
    this.pos = at + 16
    const buf = this.buf
    for (let i = at; i < at + 16; i++) if (buf[i] !== 0) return uuidText(buf, at)
    return ZERO_UUID
  }
}
