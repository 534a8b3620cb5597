/**
 * A sum over offsets that no other set of offsets is likely to have: splitmix64 of each, added modulo 2^64. It proves which offsets a
 * file holds without listing them, and sums of files add up to the sum of a range. In 32-bit halves: `bigint` costs ten times more.
 */
export class OffsetsSum {
  #high: number
  #low: number

  constructor() {
    this.#high = 0
    this.#low = 0
  }

  add(offset: number): void {
    mix(offset)
    this.#plus(mixedHigh, mixedLow)
  }

  /** Adds every offset from `from` up to `next`, without it. */
  addRange(from: number, next: number): void {
    for (let offset = from; offset < next; offset++) this.add(offset)
  }

  /** Adds the sum of other offsets, as {@link OffsetsSum.hex} gave it. */
  addSum(hex: string): void {
    this.#plus(Number.parseInt(hex.slice(0, 8), 16), Number.parseInt(hex.slice(8), 16))
  }

  get hex(): string {
    return this.#high.toString(16).padStart(8, '0') + this.#low.toString(16).padStart(8, '0')
  }

  #plus(high: number, low: number): void {
    const sum = this.#low + low
    this.#low = sum >>> 0
    this.#high = (this.#high + high + (sum > 0xffffffff ? 1 : 0)) >>> 0
  }
}

const TWO_32 = 2 ** 32
let mixedHigh = 0
let mixedLow = 0

/** splitmix64 of `n`, left in {@link mixedHigh} and {@link mixedLow}. */
function mix(n: number): void {
  const low = (n >>> 0) + 0x7f4a7c15
  let zl = low >>> 0
  let zh = (Math.floor(n / TWO_32) + 0x9e3779b9 + (low > 0xffffffff ? 1 : 0)) >>> 0
  // z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9
  multiply(zh ^ (zh >>> 30), zl ^ ((zl >>> 30) | (zh << 2)), 0xbf58476d, 0x1ce4e5b9)
  zh = mixedHigh
  zl = mixedLow
  // z = (z ^ (z >>> 27)) * 0x94d049bb133111eb
  multiply(zh ^ (zh >>> 27), zl ^ ((zl >>> 27) | (zh << 5)), 0x94d049bb, 0x133111eb)
  zh = mixedHigh
  zl = mixedLow
  // z ^ (z >>> 31)
  mixedHigh = (zh ^ (zh >>> 31)) >>> 0
  mixedLow = (zl ^ ((zl >>> 31) | (zh << 1))) >>> 0
}

function multiply(ah: number, al: number, bh: number, bl: number): void {
  const a0 = al & 0xffff
  const a1 = al >>> 16
  const b0 = bl & 0xffff
  const b1 = bl >>> 16
  const first = a0 * b0
  const second = a1 * b0 + (first >>> 16)
  const third = a0 * b1 + (second % 0x10000)
  const high = a1 * b1 + Math.floor(second / 0x10000) + Math.floor(third / 0x10000)
  mixedHigh = (high + Math.imul(ah, bl) + Math.imul(al, bh)) >>> 0
  mixedLow = Math.imul(al, bl) >>> 0
}
