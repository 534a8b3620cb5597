import { MoldauError } from './errors.ts'
import { uuidText, ZERO_UUID } from './uuid.ts'

const TWO_32 = 4_294_967_296
/** A buffer of this many bytes or more is not copied into a {@link Writer} but kept as it is in the list of chunks. */
const REFERENCE_MIN = 4096
/** A string up to this length is tried as ASCII in JavaScript: cheaper than a call into the runtime. */
const ASCII_TRY_MAX = 48

function short(reader: Reader, wanted: number): never {
  throw new MoldauError('CORRUPT_FRAME', `${wanted} bytes wanted at ${reader.pos}, ${reader.end - reader.pos} left`)
}

function misfit(value: unknown, type: string): never {
  throw new MoldauError('INVALID_ARGUMENT', `${String(value)} is not a value of type ${type}`)
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

/**
 * Writes big-endian values one after the other into memory of its own, and keeps big buffers by reference: the result is a list of
 * chunks for one gathering write. A value that does not fit its type throws INVALID_ARGUMENT.
 */
export class Writer {
  #buf: Buffer
  /** Where the chunk being filled begins in `#buf`. */
  #start: number
  #pos: number
  readonly #done: Buffer[]
  #doneBytes: number

  /** @param sizeHint bytes to begin with; more comes when needed */
  constructor(sizeHint = 512) {
    this.#buf = Buffer.allocUnsafe(Math.max(sizeHint, 16))
    this.#start = 0
    this.#pos = 0
    this.#done = []
    this.#doneBytes = 0
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#doneBytes + this.#pos - this.#start
  }

  int8(value: number): void {
    if ((value << 24) >> 24 !== value) misfit(value, 'int8')
    if (this.#pos + 1 > this.#buf.length) this.#grow(1)
    this.#buf[this.#pos++] = value
  }

  bool(value: boolean): void {
    if (value !== true && value !== false) misfit(value, 'bool')
    if (this.#pos + 1 > this.#buf.length) this.#grow(1)
    this.#buf[this.#pos++] = value ? 1 : 0
  }

  int16(value: number): void {
    if ((value << 16) >> 16 !== value) misfit(value, 'int16')
    this.#put16(value)
  }

  uint16(value: number): void {
    if ((value & 0xffff) !== value) misfit(value, 'uint16')
    this.#put16(value)
  }

  int32(value: number): void {
    if ((value | 0) !== value) misfit(value, 'int32')
    this.#put32(value)
  }

  uint32(value: number): void {
    if (value >>> 0 !== value) misfit(value, 'uint32')
    this.#put32(value | 0)
  }

  int64(value: number): void {
    if (!Number.isSafeInteger(value)) misfit(value, 'int64 (a whole number below 2^53)')
    const high = Math.floor(value / TWO_32)
    this.#put32(high | 0)
    this.#put32((value - high * TWO_32) | 0)
  }

  int64Exact(value: bigint): void {
    if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value) misfit(value, 'int64 (a bigint)')
    if (this.#pos + 8 > this.#buf.length) this.#grow(8)
    this.#pos = this.#buf.writeBigInt64BE(value, this.#pos)
  }

  float64(value: number): void {
    if (typeof value !== 'number') misfit(value, 'float64')
    if (this.#pos + 8 > this.#buf.length) this.#grow(8)
    this.#pos = this.#buf.writeDoubleBE(value, this.#pos)
  }

  uvarint(value: number): void {
    if (value >>> 0 !== value) misfit(value, 'uvarint')
    if (this.#pos + 5 > this.#buf.length) this.#grow(5)
    const buf = this.#buf
    let rest = value
    while (rest > 0x7f) {
      buf[this.#pos++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    buf[this.#pos++] = rest
  }

  varint(value: number): void {
    if ((value | 0) !== value) misfit(value, 'varint')
    this.uvarint(((value << 1) ^ (value >> 31)) >>> 0)
  }

  varlong(value: number): void {
    if ((value | 0) === value) return this.varint(value)
    if (!Number.isSafeInteger(value)) misfit(value, 'varlong (a whole number below 2^53)')
    if (this.#pos + 10 > this.#buf.length) this.#grow(10)
    const buf = this.#buf
    const half = value < 0 ? -value - 1 : value
    buf[this.#pos++] = ((half % 64) << 1) | (value < 0 ? 1 : 0) | 0x80
    let rest = Math.floor(half / 64)
    while (rest > 0x7f) {
      buf[this.#pos++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    buf[this.#pos++] = rest
  }

  /** UTF-8 bytes without a length. Returns how many. */
  string(text: string): number {
    const written = this.#ascii(text)
    if (written >= 0) return written
    const size = Buffer.byteLength(text)
    if (this.#pos + size > this.#buf.length) this.#grow(size)
    this.#pos += this.#buf.write(text, this.#pos, 'utf8')
    return size
  }

  uuid(text: string): void {
    if (typeof text !== 'string' || text.length !== 22) misfit(text, 'uuid (22 characters of base64url)')
    if (this.#pos + 16 > this.#buf.length) this.#grow(16)
    if (this.#buf.write(text, this.#pos, 16, 'base64url') !== 16) misfit(text, 'uuid (22 characters of base64url)')
    this.#pos += 16
  }

  /** Bytes without a length: copied when small, kept by reference from 4 KiB on (do not change them before they are sent). */
  bytes(buf: Buffer): void {
    const size = buf.length
    if (size >= REFERENCE_MIN) return this.reference(buf)
    if (this.#pos + size > this.#buf.length) this.#grow(size)
    buf.copy(this.#buf, this.#pos)
    this.#pos += size
  }

  /** Bytes without a length, kept by reference whatever their size. */
  reference(buf: Buffer): void {
    this.#seal()
    this.#done.push(buf)
    this.#doneBytes += buf.length
  }

  /** Everything that another writer holds. */
  append(other: Writer): void {
    for (const chunk of other.chunks()) this.bytes(chunk)
  }

  /** What was written, as a list for a gathering write. The writer may go on; chunks handed out before do not change. */
  chunks(): Buffer[] {
    this.#seal()
    return this.#done.slice()
  }

  /** What was written in one buffer: without a copy when there was only one chunk. */
  toBuffer(): Buffer {
    this.#seal()
    return this.#done.length === 1 ? this.#done[0]! : Buffer.concat(this.#done, this.#doneBytes)
  }

  #ascii(text: string): number {
    const size = text.length
    if (size > ASCII_TRY_MAX) return -1
    if (this.#pos + size > this.#buf.length) this.#grow(size)
    const buf = this.#buf
    const at = this.#pos
    for (let i = 0; i < size; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) return -1
      buf[at + i] = code
    }
    this.#pos = at + size
    return size
  }

  #put16(value: number): void {
    if (this.#pos + 2 > this.#buf.length) this.#grow(2)
    const buf = this.#buf
    const at = this.#pos
    buf[at] = value >> 8
    buf[at + 1] = value
    this.#pos = at + 2
  }

  #put32(value: number): void {
    if (this.#pos + 4 > this.#buf.length) this.#grow(4)
    const buf = this.#buf
    const at = this.#pos
    buf[at] = value >> 24
    buf[at + 1] = value >> 16
    buf[at + 2] = value >> 8
    buf[at + 3] = value
    this.#pos = at + 4
  }

  #seal(): void {
    if (this.#pos === this.#start) return
    this.#done.push(this.#buf.subarray(this.#start, this.#pos))
    this.#doneBytes += this.#pos - this.#start
    this.#start = this.#pos
  }

  /** Begins a new chunk with room for `wanted` bytes: what was written stays where it is. */
  #grow(wanted: number): void {
    this.#seal()
    this.#buf = Buffer.allocUnsafe(Math.max(wanted, Math.min(this.#buf.length * 2, 65_536)))
    this.#start = 0
    this.#pos = 0
  }
}

/** Bytes that an unsigned variable-length 32-bit integer takes. */
export function uvarintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5
}

/** Bytes that {@link Writer.varint} takes for a value. */
export function varintSize(value: number): number {
  return uvarintSize(((value << 1) ^ (value >> 31)) >>> 0)
}

/** Bytes that {@link Writer.varlong} takes for a value. */
export function varlongSize(value: number): number {
  if ((value | 0) === value) return varintSize(value)
  let rest = Math.floor((value < 0 ? -value - 1 : value) / 64)
  let size = 1
  for (; rest > 0; rest = Math.floor(rest / 128)) size++
  return size
}
