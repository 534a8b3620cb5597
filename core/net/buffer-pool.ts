import { BACKLOG_BYTES_MAX, BACKLOG_OVER_FACTOR } from './backlog.ts'

/** Smaller buffers are cheap to make; larger ones are rare, and would be kept for nothing. */
const POOLED_BYTES_MIN = 64 * 1024
const POOLED_BYTES_MAX = 4 * 1024 * 1024

/** Less is copied into the memory of an encoder, never sent by reference. */
const REFERENCE_BYTES_MIN = 4096

/**
 * How much a pool keeps for later: as much as slow readers may leave waiting. What it drops stays in the process until
 * the next collection of garbage: with a third of this, 500 slow readers cost 300 MiB in place of 200.
 */
const FREE_BYTES_MAX = BACKLOG_BYTES_MAX * BACKLOG_OVER_FACTOR

/**
 * Big buffers that are used again: a fresh megabyte costs five times as much as filling it, in page faults and garbage collection.
 * Sizes are powers of two. What is taken and never given back is garbage, nothing worse.
 */
export class BufferPool {
  /** By the logarithm of their size. */
  readonly #free: (Buffer[] | undefined)[]
  /** How many of each size were left over all the time since the last {@link BufferPool.trim}. */
  readonly #unused: number[]
  readonly #freeBytesMax: number
  #freeBytes: number
  /** Buffers in answers, by their memory. */
  readonly #sending: WeakMap<ArrayBufferLike, Buffer>
  #made: number

  constructor(freeBytesMax = FREE_BYTES_MAX) {
    this.#free = []
    this.#unused = []
    this.#freeBytesMax = freeBytesMax
    this.#freeBytes = 0
    this.#sending = new WeakMap()
    this.#made = 0
  }

  /** Buffers made so far because none was free: it stops growing when the pool does what it is for. */
  get made(): number {
    return this.#made
  }

  /** A buffer of `size` bytes or more, with anything in it. */
  take(size: number): Buffer {
    if (size > POOLED_BYTES_MAX) return this.#make(size)
    const bits = sizeBits(Math.max(size, POOLED_BYTES_MIN))
    const found = this.#free[bits]?.pop()
    if (found === undefined) {
      this.#unused[bits] = 0
      return this.#make(2 ** bits)
    }
    this.#unused[bits] = Math.min(this.#unused[bits] ?? 0, this.#free[bits]!.length)
    this.#freeBytes -= found.length
    return found
  }

  /** Takes back what {@link take} answered; nobody may look into it any more. */
  give(buffer: Buffer): void {
    const size = buffer.length
    if (size < POOLED_BYTES_MIN || size > POOLED_BYTES_MAX || this.#freeBytes + size > this.#freeBytesMax) return
    const free = (this.#free[sizeBits(size)] ??= [])
    free.push(buffer)
    this.#freeBytes += size
  }

  /** Lets go of what nobody has needed since the last call: after a busy hour the memory comes back. */
  trim(): void {
    for (const [bits, free] of this.#free.entries()) {
      if (free === undefined) continue
      this.#freeBytes -= free.splice(0, this.#unused[bits] ?? 0).length * 2 ** bits
      this.#unused[bits] = free.length
    }
  }

  /** A buffer of just `size` bytes to send: the transport gives it back when it is gone. Nobody else may hold on to it, or send it twice. */
  toSend(size: number): Buffer {
    if (size < POOLED_BYTES_MIN || size > POOLED_BYTES_MAX) return Buffer.allocUnsafe(size)
    const whole = this.take(size)
    this.#sending.set(whole.buffer, whole)
    return whole.subarray(0, size)
  }

  /** Those of the chunks that came from {@link toSend}. */
  ofPool(chunks: readonly Buffer[]): readonly Buffer[] {
    return chunks.filter((chunk) => chunk.length >= REFERENCE_BYTES_MIN && this.#sending.has(chunk.buffer))
  }

  /** Chunks that came from {@link toSend} have left. */
  sent(chunks: readonly Buffer[]): void {
    for (const { buffer } of chunks) {
      const whole = this.#sending.get(buffer)
      if (whole !== undefined && this.#sending.delete(buffer)) this.give(whole)
    }
  }

  #make(size: number): Buffer {
    this.#made++
    return Buffer.allocUnsafeSlow(size)
  }
}

/** The power of two that is at least `size`. */
function sizeBits(size: number): number {
  return 32 - Math.clz32(size - 1)
}
