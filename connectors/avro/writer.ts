import type { RandomBytes } from '../../core/base/uuid.ts'
import { compressBlock, type AvroCodec } from './codec.ts'
import { encodeHeader, SYNC_BYTES } from './header.ts'
import { LONG_BYTES_MAX, putLong } from './varint.ts'

export interface AvroWriterOptions {
  /** The Avro schema as JSON. */
  schema: unknown
  /** Default `null` (none). */
  codec?: AvroCodec
  /** Size of a block before compression; default 64 KiB. A value larger than this makes a block of its own. */
  blockBytes?: number
  /** Goes into the file's metadata beside `avro.schema` and `avro.codec`. */
  metadata?: ReadonlyMap<string, string>
  random: RandomBytes
}

const BLOCK_BYTES = 64 * 1024

/**
 * Makes an Avro object container file out of values that are Avro binary already: no value is decoded or copied more than once. It
 * writes nothing itself: {@link AvroWriter.take} hands out the bytes that are ready.
 */
export class AvroWriter {
  readonly #codec: AvroCodec
  readonly #sync: Buffer
  readonly #blockBytes: number
  #ready: Buffer[]
  #readyBytes: number
  #block: Buffer
  #filled: number
  #count: number

  constructor(options: AvroWriterOptions) {
    this.#codec = options.codec ?? 'null'
    this.#sync = options.random(Buffer.alloc(SYNC_BYTES))
    this.#blockBytes = options.blockBytes ?? BLOCK_BYTES
    const header = encodeHeader(options.schema, this.#codec, this.#sync, options.metadata ?? new Map())
    this.#ready = [header]
    this.#readyBytes = header.length
    // Grows by doubling: most files of a partitioned lake are far smaller than a block.
    this.#block = Buffer.allocUnsafeSlow(Math.min(4096, this.#blockBytes))
    this.#filled = 0
    this.#count = 0
  }

  /** Bytes that {@link AvroWriter.take} would give. */
  get readyBytes(): number {
    return this.#readyBytes
  }

  /** Bytes written so far and not taken, with the block that is still open. */
  get pendingBytes(): number {
    return this.#readyBytes + this.#filled
  }

  /** Appends the value `source[start, end)`, which must be Avro binary of the schema. */
  append(source: Buffer, start: number, end: number): void {
    const length = end - start
    if (this.#filled + length > this.#block.length) this.#makeRoom(length)
    if (length > 32) source.copy(this.#block, this.#filled, start, end)
    else for (let from = start, to = this.#filled; from < end; from++, to++) this.#block[to] = source[from]!
    this.#filled += length
    this.#count++
    if (this.#filled >= this.#blockBytes) this.#endBlock()
  }

  /** The chunks that are ready to be written, in order; they are the caller's now. */
  take(): Buffer[] {
    const ready = this.#ready
    this.#ready = []
    this.#readyBytes = 0
    return ready
  }

  /** Ends the last block; the file is complete when what {@link AvroWriter.take} then gives is written. */
  finish(): void {
    if (this.#count > 0) this.#endBlock()
  }

  #makeRoom(length: number): void {
    if (this.#count > 0 && this.#filled + length > this.#blockBytes) this.#endBlock()
    if (this.#filled + length <= this.#block.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#filled + length, Math.min(this.#block.length * 2, this.#blockBytes)))
    this.#block.copy(grown, 0, 0, this.#filled)
    this.#block = grown
  }

  #endBlock(): void {
    const plain = this.#block.subarray(0, this.#filled)
    const data = compressBlock(this.#codec, plain)
    // An uncompressed block goes out as it is, so the next one needs memory of its own.
    if (data === plain) this.#block = Buffer.allocUnsafeSlow(this.#blockBytes)
    const head = Buffer.allocUnsafe(LONG_BYTES_MAX * 2)
    const end = putLong(head, data.length, putLong(head, this.#count, 0))
    this.#ready.push(head.subarray(0, end), data, this.#sync)
    this.#readyBytes += end + data.length + SYNC_BYTES
    this.#filled = 0
    this.#count = 0
  }
}
