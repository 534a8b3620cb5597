import { MoldauError } from './errors.ts'

const TWO_32 = 4_294_967_296
/** A buffer of this many bytes or more is not copied into a {@link Writer} but kept as it is in the list of chunks. */
const REFERENCE_MIN = 4096
/** A string up to this length is tried as ASCII in JavaScript: cheaper than a call into the runtime. */
const ASCII_TRY_MAX = 48

function misfit(value: unknown, type: string): never {
  throw new MoldauError('INVALID_ARGUMENT', `${String(value)} is not a value of type ${type}`)
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
    if (this.#pos + 8 > this.#buf.length) this.#grow(8)
    const buf = this.#buf
    const at = this.#pos
    const high = Math.floor(value / TWO_32)
    const low = value | 0
    buf[at] = high >> 24
    buf[at + 1] = high >> 16
    buf[at + 2] = high >> 8
    buf[at + 3] = high
    buf[at + 4] = low >> 24
    buf[at + 5] = low >> 16
    buf[at + 6] = low >> 8
    buf[at + 7] = low
    this.#pos = at + 8
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
