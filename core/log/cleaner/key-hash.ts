import type { RandomBytes } from '../../base/uuid.ts'

/** Words of a hash. */
export const HASH_WORDS = 4
const SEED_BYTES = 16
const FINAL_ROUNDS = 4

/**
 * Hash of 128 bits of a key: two HalfSipHash-2-4 with seeds of their own, run side by side. Two keys with the same hash would cost one of
 * them its records, so it is long enough that this does not happen by chance, and keyed, so that nobody who writes keys can make it
 * happen: the seed is drawn for each cleaning and never leaves it. A tenth of the time that MD5 takes from JavaScript, and no garbage.
 */
export class KeyHash {
  /** The last result. */
  readonly words: Int32Array
  readonly #seed: Int32Array

  constructor(random: RandomBytes) {
    const seed = random(Buffer.alloc(SEED_BYTES))
    this.words = new Int32Array(HASH_WORDS)
    this.#seed = Int32Array.from({ length: SEED_BYTES / 4 }, (_, i) => seed.readInt32LE(i * 4))
  }

  /** Hashes `buf[start, start + length)` into {@link KeyHash.words}. */
  hash(buf: Buffer, start: number, length: number): void {
    const seed = this.#seed
    let a0 = seed[0]!
    let a1 = seed[1]!
    let a2 = a0 ^ 0x6c796765
    let a3 = a1 ^ 0x74656462 ^ 0xee
    a1 ^= 0xee
    let b0 = seed[2]!
    let b1 = seed[3]!
    let b2 = b0 ^ 0x6c796765
    let b3 = b1 ^ 0x74656462 ^ 0xee
    b1 ^= 0xee
    const { words } = this
    // Behind the words of the key one that holds its last bytes and its length, then the end of the first half, and of the second.
    const whole = length >>> 2
    for (let i = 0; i <= whole + 2; i++) {
      const at = start + i * 4
      let word = 0
      let rounds = 2
      if (i < whole) word = buf[at]! | (buf[at + 1]! << 8) | (buf[at + 2]! << 16) | (buf[at + 3]! << 24)
      else if (i === whole) {
        word = length << 24
        if ((length & 3) > 2) word |= buf[at + 2]! << 16
        if ((length & 3) > 1) word |= buf[at + 1]! << 8
        if ((length & 3) > 0) word |= buf[at]!
      } else {
        rounds = FINAL_ROUNDS
        if (i === whole + 1) {
          a2 ^= 0xee
          b2 ^= 0xee
        } else {
          words[0] = a1 ^ a3
          words[2] = b1 ^ b3
          a1 ^= 0xdd
          b1 ^= 0xdd
        }
      }
      a3 ^= word
      b3 ^= word
      for (let round = 0; round < rounds; round++) {
        a0 = (a0 + a1) | 0
        a1 = ((a1 << 5) | (a1 >>> 27)) ^ a0
        a0 = (a0 << 16) | (a0 >>> 16)
        a2 = (a2 + a3) | 0
        a3 = ((a3 << 8) | (a3 >>> 24)) ^ a2
        a0 = (a0 + a3) | 0
        a3 = ((a3 << 7) | (a3 >>> 25)) ^ a0
        a2 = (a2 + a1) | 0
        a1 = ((a1 << 13) | (a1 >>> 19)) ^ a2
        a2 = (a2 << 16) | (a2 >>> 16)
        b0 = (b0 + b1) | 0
        b1 = ((b1 << 5) | (b1 >>> 27)) ^ b0
        b0 = (b0 << 16) | (b0 >>> 16)
        b2 = (b2 + b3) | 0
        b3 = ((b3 << 8) | (b3 >>> 24)) ^ b2
        b0 = (b0 + b3) | 0
        b3 = ((b3 << 7) | (b3 >>> 25)) ^ b0
        b2 = (b2 + b1) | 0
        b1 = ((b1 << 13) | (b1 >>> 19)) ^ b2
        b2 = (b2 << 16) | (b2 >>> 16)
      }
      a0 ^= word
      b0 ^= word
    }
    words[1] = a1 ^ a3
    words[3] = b1 ^ b3
  }
}
