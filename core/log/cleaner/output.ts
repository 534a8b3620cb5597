import type { Segment } from '../segment.ts'

/** Collects batches, so that they go to the disk in large writes. */
export class Output {
  readonly #buffer: Buffer
  #used: number
  #segment: Segment | undefined
  #written: number

  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafe(size)
    this.#used = 0
    this.#segment = undefined
    this.#written = 0
  }

  begin(segment: Segment): void {
    this.#segment = segment
    this.#used = 0
  }

  add(buf: Buffer, at: number, size: number): void {
    if (this.#used + size > this.#buffer.length) this.flush()
    if (size > this.#buffer.length) return this.#append(buf.subarray(at, at + size))
    buf.copy(this.#buffer, this.#used, at, at + size)
    this.#used += size
  }

  flush(): void {
    if (this.#used > 0) this.#append(this.#buffer.subarray(0, this.#used))
    this.#used = 0
  }

  /** Bytes that went out since this was asked last. */
  takeWritten(): number {
    const written = this.#written
    this.#written = 0
    return written
  }

  #append(records: Buffer): void {
    this.#segment!.append(records)
    this.#written += records.length
  }
}
