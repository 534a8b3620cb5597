/** Numbers of 64 bits for the edges of tuple trees, as two halves: no bigint, no allocation. Xoshiro128++, seeded. */
export class EdgeIds {
  #a: number
  #b: number
  #c: number
  #d: number
  /** Of the number that {@link EdgeIds.next} made. */
  high: number
  low: number

  /** @param seed any bytes, at least 16 */
  constructor(seed: Uint8Array) {
    const view = new DataView(seed.buffer, seed.byteOffset, seed.byteLength)
    this.#a = view.getInt32(0)
    this.#b = view.getInt32(4)
    this.#c = view.getInt32(8)
    // All zeros would stay zeros.
    this.#d = view.getInt32(12) | 1
    this.high = 0
    this.low = 0
  }

  next(): void {
    this.high = this.int32()
    this.low = this.int32()
  }

  /** 32 random bits. */
  int32(): number {
    const sum = (this.#a + this.#d) | 0
    const result = (((sum << 7) | (sum >>> 25)) + this.#a) | 0
    const t = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= t
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return result
  }

  /** A whole number from 0 to below `bound`. */
  below(bound: number): number {
    return (this.int32() >>> 0) % bound
  }
}
