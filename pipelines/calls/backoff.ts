/** How long to wait before a call is repeated. */
export interface Backoff {
  /** Before the first repetition at most so long, in milliseconds; twice as long before each one after it. */
  readonly firstMs: number
  /** Never longer than this, in milliseconds. */
  readonly maxMs: number
}

/**
 * Exponential backoff with full jitter: anything from nothing to the whole, so that callers who failed together do not come back together.
 * (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.)
 *
 * @param repetition 1 is the first
 * @param random from 0 to below 1
 * @returns milliseconds
 */
export function backoffMs({ firstMs, maxMs }: Backoff, repetition: number, random: number): number {
  return random * Math.min(maxMs, firstMs * 2 ** (repetition - 1))
}
