/** Smaller buffers are cheap to make; larger ones are rare, and would be kept for nothing. */
const POOLED_BYTES_MIN = 64 * 1024
const POOLED_BYTES_MAX = 4 * 1024 * 1024

/** How much a pool keeps for later. */
const FREE_BYTES_MAX = 32 * 1024 * 1024

/**
 * Big buffers that are used again: a fresh megabyte costs five times as much as filling it, in page faults and garbage collection.
 * Sizes are powers of two. What is taken and never given back is garbage, nothing worse.
 */
export class BufferPool {
  /** By the logarithm of their size. */
  readonly #free: (Buffer[] | undefined)[]
  readonly #freeBytesMax: number
  #freeBytes: number

  constructor(freeBytesMax = FREE_BYTES_MAX) {
    this.#free = []
    this.#freeBytesMax = freeBytesMax
    this.#freeBytes = 0
  }

  /** A buffer of `size` bytes or more, with anything in it. */
  take(size: number): Buffer {
    if (size > POOLED_BYTES_MAX) return Buffer.allocUnsafeSlow(size)
    const bits = sizeBits(Math.max(size, POOLED_BYTES_MIN))
    const found = this.#free[bits]?.pop()
    if (found === undefined) return Buffer.allocUnsafeSlow(2 ** bits)
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
}

/** The power of two that is at least `size`. */
function sizeBits(size: number): number {
  return 32 - Math.clz32(size - 1)
}
