/**
 * Writes protocol buffers, as far as metrics need them. Fields are written from the last to the first, so that the length of what is nested is known
 * when it stands in front: no message is copied or measured twice.
 */
export class ProtobufWriter {
  #buffer: Buffer
  /** Where the bytes written so far begin. */
  #at: number

  constructor(sizeHint = 4096) {
    this.#buffer = Buffer.allocUnsafe(sizeHint)
    this.#at = sizeHint
  }

  /** How much has been written; to be given to {@link ProtobufWriter.closeMessage}. */
  get length(): number {
    return this.#buffer.length - this.#at
  }

  finish(): Buffer {
    return this.#buffer.subarray(this.#at)
  }

  /** A number of at least 0: enums, booleans, counts. */
  uint(field: number, value: number): void {
    this.#varint(value)
    this.#varint(field << 3)
  }

  double(field: number, value: number): void {
    this.#room(8)
    this.#at -= 8
    this.#buffer.writeDoubleLE(value, this.#at)
    this.#varint((field << 3) | 1)
  }

  /** A time in milliseconds as the nanoseconds that OpenTelemetry wants. */
  nanos(field: number, ms: number): void {
    this.#room(8)
    this.#at -= 8
    this.#buffer.writeBigUInt64LE(BigInt(Math.round(ms)) * 1_000_000n, this.#at)
    this.#varint((field << 3) | 1)
  }

  string(field: number, text: string): void {
    const bytes = Buffer.byteLength(text)
    this.#room(bytes)
    this.#at -= bytes
    this.#buffer.write(text, this.#at)
    this.#varint(bytes)
    this.#varint((field << 3) | 2)
  }

  /** What was written since the length was `from` becomes a message. */
  closeMessage(field: number, from: number): void {
    this.#varint(this.length - from)
    this.#varint((field << 3) | 2)
  }

  #varint(value: number): void {
    let bytes = 1
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++
    this.#room(bytes)
    this.#at -= bytes
    let rest = value
    for (let i = 0; i < bytes; i++) {
      this.#buffer[this.#at + i] = i === bytes - 1 ? rest : (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
  }

  #room(bytes: number): void {
    if (this.#at >= bytes) return
    const used = this.length
    const larger = Buffer.allocUnsafe(2 * this.#buffer.length + bytes)
    this.#buffer.copy(larger, larger.length - used, this.#at)
    this.#at = larger.length - used
    this.#buffer = larger
  }
}
