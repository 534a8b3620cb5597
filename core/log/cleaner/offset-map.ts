import { assert } from '../../base/assert.ts'
import type { RandomBytes } from '../../base/uuid.ts'
import { HASH_WORDS, KeyHash } from './key-hash.ts'

const SLOT_WORDS = HASH_WORDS + 2
/** Memory of one key: the hash and its newest offset. */
export const SLOT_BYTES = SLOT_WORDS * 4
const WORD = 2 ** 32

export interface OffsetMapOptions {
  /** Most memory that the table may take. */
  readonly bytesMax: number
  /** Share of the slots that may be filled (`log.cleaner.io.buffer.load.factor`). */
  readonly loadFactor: number
  /** No more keys than this will come: the table is made no larger than they need. */
  readonly keysMax: number
  readonly random: RandomBytes
}

/**
 * The newest offset of each key in the dirty part of a log: one table with open addressing, no object per key. Keys are told apart by
 * {@link KeyHash}. Kafka's `SkimpyOffsetMap`.
 */
export class OffsetMap {
  /** Keys that go in before the table is full. */
  readonly capacity: number
  readonly bytes: number
  readonly #slots: number
  readonly #table: Int32Array
  readonly #hash: KeyHash
  #size: number

  constructor({ bytesMax, loadFactor, keysMax, random }: OffsetMapOptions) {
    const slotsMax = Math.floor(bytesMax / SLOT_BYTES)
    this.#slots = Math.max(2, Math.min(slotsMax, Math.ceil(keysMax / loadFactor) + 1))
    this.capacity = Math.min(this.#slots - 1, Math.max(1, Math.floor(this.#slots * loadFactor)))
    this.#table = new Int32Array(this.#slots * SLOT_WORDS)
    this.bytes = this.#table.byteLength
    this.#hash = new KeyHash(random)
    this.#size = 0
  }

  /** Keys in the table. */
  get size(): number {
    return this.#size
  }

  /** Notes that the key at `buf[start, start + length)` has a record at `offset`, the newest so far. False when there is no room for another key. */
  put(buf: Buffer, start: number, length: number, offset: number): boolean {
    const at = this.#find(buf, start, length)
    const table = this.#table
    if (table[at + HASH_WORDS] === 0 && table[at + HASH_WORDS + 1] === 0) {
      if (this.#size >= this.capacity) return false
      this.#size++
      table.set(this.#hash.words, at)
    }
    // One more than the offset: zero stands for a free slot.
    const stored = offset + 1
    assert(Number.isSafeInteger(stored) && stored > 0, 'an offset beyond what the map can hold')
    table[at + HASH_WORDS] = stored | 0
    table[at + HASH_WORDS + 1] = Math.floor(stored / WORD)
    return true
  }

  /** The newest offset of a key, -1 when the map does not have it. */
  get(buf: Buffer, start: number, length: number): number {
    const at = this.#find(buf, start, length) + HASH_WORDS
    return this.#table[at + 1]! * WORD + (this.#table[at]! >>> 0) - 1
  }

  /** Where the slot of the key begins, or the free one that it would take. */
  #find(buf: Buffer, start: number, length: number): number {
    this.#hash.hash(buf, start, length)
    const { words } = this.#hash
    const h0 = words[0]!
    const h1 = words[1]!
    const h2 = words[2]!
    const h3 = words[3]!
    const table = this.#table
    let slot = (h0 >>> 0) % this.#slots
    for (;;) {
      const at = slot * SLOT_WORDS
      if (table[at] === h0 && table[at + 1] === h1 && table[at + 2] === h2 && table[at + 3] === h3) return at
      if (table[at + HASH_WORDS] === 0 && table[at + HASH_WORDS + 1] === 0) return at
      slot = slot + 1 === this.#slots ? 0 : slot + 1
    }
  }
}
