import { murmur2, toPositive } from '../base/murmur2.ts'
import type { RandomBytes } from '../base/uuid.ts'

/** The partition of a key, the same in every Kafka client. */
export function partitionOfKey(key: Buffer, partitionCount: number): number {
  return toPositive(murmur2(key)) % partitionCount
}

/**
 * Records without a key stay in one partition for a batch, then go to another at random: full batches, even load
 * (Kafka's BuiltInPartitioner, KIP-794).
 */
export class StickyPartitioner {
  readonly #random: RandomBytes
  readonly #batchSize: number
  #partition: number
  #bytes: number

  constructor(random: RandomBytes, batchSize: number) {
    this.#random = random
    this.#batchSize = batchSize
    this.#partition = -1
    this.#bytes = 0
  }

  next(partitionCount: number, recordBytes: number): number {
    if (this.#partition < 0 || this.#partition >= partitionCount || this.#bytes >= this.#batchSize) this.#move(partitionCount)
    this.#bytes += recordBytes
    return this.#partition
  }

  #move(partitionCount: number): void {
    const random = this.#random(Buffer.alloc(4)).readUInt32BE(0)
    const others = Math.max(partitionCount - (this.#partition >= 0 ? 1 : 0), 1)
    const step = random % others
    this.#partition = this.#partition < 0 ? step : (this.#partition + 1 + step) % partitionCount
    this.#bytes = 0
  }
}
