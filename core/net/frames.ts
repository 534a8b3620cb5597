import { MoldauError } from '../base/errors.ts'
import type { BufferPool } from './buffer-pool.ts'
import type { MemoryShare } from './memory-budget.ts'

/** A frame that spans chunks starts with at most this much memory and doubles as bytes arrive: a length alone allocates nothing big. */
const FIRST_ALLOCATION_BYTES_MAX = 4 * 1024 * 1024

const LENGTH_BYTES = 4

/** A read of less than this into a frame of its own costs more than copying it out of a larger read. */
const DIRECT_BYTES_MIN = 64 * 1024

export interface FrameOptions {
  /** Largest frame accepted, in bytes without the length field. */
  frameBytesMax: number
  /** True when the memory of a chunk is used again after {@link FrameSplitter.own}: frames are copied out, unless they are lent. */
  chunksAreReused?: boolean
  /** Frames are lent: the memory of one may be used again as soon as the next is asked for. Where big ones are put together. */
  lendFrom?: BufferPool
}

/**
 * Cuts a stream of bytes into Kafka's frames: an int32 length, then that many bytes.
 * A frame that lies in one chunk is a slice of it, nothing is copied; one that spans chunks is copied once, or read to where it
 * belongs ({@link FrameSplitter.room}).
 */
export class FrameSplitter {
  #frameBytesMax: number
  readonly #reused: boolean
  readonly #pool: BufferPool | undefined
  /** Chunks that arrived while paused, the first of them consumed up to `#at`. */
  #waiting: Buffer[]
  #at: number
  /** The length field as far as it has come, when it is itself cut by a chunk's end. */
  #lengthBytes: number
  #length: number
  #partial: Buffer | undefined
  #filled: number
  /** Memory of the pool that the last frame stands in. */
  #lent: Buffer | undefined
  readonly #memory: MemoryShare | undefined
  #starved: boolean

  /** @param memory what frames that come in pieces may take; without it as much as they are long */
  constructor(options: FrameOptions, memory?: MemoryShare) {
    this.#frameBytesMax = options.frameBytesMax
    this.#reused = options.chunksAreReused ?? false
    this.#pool = options.lendFrom
    this.#waiting = []
    this.#at = 0
    this.#lengthBytes = 0
    this.#length = 0
    this.#partial = undefined
    this.#filled = 0
    this.#lent = undefined
    this.#memory = memory
    this.#starved = false
  }

  /** True when there is no memory to read on: {@link next} gives nothing before there is room. */
  get isStarved(): boolean {
    return this.#starved
  }

  /** From now on no frame may be larger: who has not logged in yet may not say much. */
  limit(frameBytesMax: number): void {
    this.#frameBytesMax = frameBytesMax
  }

  /** True when the stream stands inside a frame: its end now would lose something. */
  get insideFrame(): boolean {
    return this.#lengthBytes > 0 || this.#waiting.length > 0
  }

  /** Takes the next bytes of the stream; {@link next} hands out what they complete. */
  push(chunk: Buffer): void {
    if (chunk.length > 0) this.#waiting.push(chunk)
  }

  /** Copies what has not been handed out yet: to be called before the memory of the pushed chunks is used again. */
  own(): void {
    if (this.#reused && this.#waiting.length > 0) this.#waiting = this.#waiting.map((chunk) => Buffer.from(chunk))
  }

  /** Where the next bytes of the stream may be read to without a copy: the rest of a big frame. Then call {@link filled}, not {@link push}. */
  get room(): Buffer | undefined {
    const partial = this.#partial
    if (partial === undefined || this.#waiting.length > 0) return undefined
    const end = Math.min(this.#length, partial.length)
    return end - this.#filled < DIRECT_BYTES_MIN ? undefined : partial.subarray(this.#filled, end)
  }

  /** `count` bytes have been read to the {@link room}. */
  filled(count: number): void {
    this.#filled += count
    this.#memory?.take(count)
  }

  /**
   * The next whole frame without its length, or undefined when more bytes are needed.
   * @throws MoldauError CORRUPT_FRAME when a length is negative or above the limit: the stream cannot be read on.
   */
  next(): Buffer | undefined {
    this.done()
    this.#starved = false
    if (this.#partial !== undefined && this.#filled === this.#length) return this.#finish(this.#partial)
    while (this.#waiting.length > 0) {
      const chunk = this.#waiting[0]!
      const frame = this.#lengthBytes < LENGTH_BYTES ? this.#begin(chunk) : this.#continue(chunk)
      if (this.#at >= chunk.length) {
        this.#waiting.shift()
        this.#at = 0
      }
      if (frame !== undefined) return frame
      if (this.#starved) return undefined
    }
    if (this.#partial !== undefined) this.#isWithout()
    return undefined
  }

  /** Nobody looks at the last frame any more: its memory may be used again. */
  done(): void {
    if (this.#lent !== undefined) {
      this.#pool?.give(this.#lent)
      this.#lent = undefined
    }
    if (this.#partial === undefined) this.#memory?.give()
  }

  #begin(chunk: Buffer): Buffer | undefined {
    if (this.#lengthBytes === 0 && chunk.length - this.#at >= LENGTH_BYTES) {
      this.#length = chunk.readInt32BE(this.#at)
      this.#at += LENGTH_BYTES
      this.#lengthBytes = LENGTH_BYTES
    } else {
      while (this.#lengthBytes < LENGTH_BYTES && this.#at < chunk.length) {
        this.#length = (this.#length << 8) | chunk[this.#at++]!
        this.#lengthBytes++
      }
      if (this.#lengthBytes < LENGTH_BYTES) return undefined
    }
    this.#checkLength()
    const end = this.#at + this.#length
    if (end > chunk.length) return this.#at < chunk.length ? this.#continue(chunk) : undefined
    // Then it is put together as if it came in pieces, when there is room.
    if (this.#length > 0 && this.#isWithout()) return undefined
    const frame = chunk.subarray(this.#at, end)
    this.#at = end
    this.#reset()
    return this.#reused && this.#pool === undefined ? Buffer.from(frame) : frame
  }

  #continue(chunk: Buffer): Buffer | undefined {
    if (this.#isWithout()) return undefined
    const count = Math.min(chunk.length - this.#at, this.#length - this.#filled)
    const target = this.#room(count)
    chunk.copy(target, this.#filled, this.#at, this.#at + count)
    this.#at += count
    this.filled(count)
    return this.#filled < this.#length ? undefined : this.#finish(target)
  }

  #isWithout(): boolean {
    return (this.#starved = this.#memory !== undefined && !this.#memory.hasRoom)
  }

  #finish(memory: Buffer): Buffer {
    const frame = memory.length === this.#length ? memory : memory.subarray(0, this.#length)
    if (this.#pool !== undefined) this.#lent = memory
    this.#memory?.complete()
    this.#reset()
    return frame
  }

  #room(count: number): Buffer {
    const partial = this.#partial
    if (partial === undefined) {
      const size = Math.min(this.#length, Math.max(count, FIRST_ALLOCATION_BYTES_MAX))
      return (this.#partial = this.#pool?.take(size) ?? Buffer.allocUnsafeSlow(size))
    }
    if (this.#filled + count <= partial.length) return partial
    const grown = Buffer.allocUnsafeSlow(Math.min(this.#length, Math.max(partial.length * 2, this.#filled + count)))
    partial.copy(grown, 0, 0, this.#filled)
    return (this.#partial = grown)
  }

  #checkLength(): void {
    if (this.#length >= 0 && this.#length <= this.#frameBytesMax) return
    if (looksLikeTls(this.#length)) throw new MoldauError('CORRUPT_FRAME', TLS_HINT)
    throw new MoldauError(
      'CORRUPT_FRAME',
      `a frame says it is ${this.#length} bytes long, allowed are 0 to ${this.#frameBytesMax}: the other side does not speak Kafka's protocol here, or socket.request.max.bytes must be raised`,
    )
  }

  #reset(): void {
    this.#lengthBytes = 0
    this.#length = 0
    this.#partial = undefined
    this.#filled = 0
  }
}

/** What TLS begins with, read as a length: a hello (22) or an alert (21) of version 3.something. */
function looksLikeTls(length: number): boolean {
  const first = length >>> 24
  return (first === 0x16 || first === 0x15) && ((length >>> 16) & 0xff) === 3
}

const TLS_HINT =
  'the other side speaks TLS, this side plain text: use the port of a listener that fits, or security.protocol=SSL (SASL_SSL) on both sides or neither'
