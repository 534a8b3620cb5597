import type { Claim, PendingBatch } from './pending-batch.ts'
import type { WrittenRange } from './types.ts'

/** One promise for many records: where they were written, or the first failure among them. */
export class Receipt {
  readonly written: Promise<WrittenRange[]>
  readonly #result: PromiseWithResolvers<WrittenRange[]>
  readonly #ranges: WrittenRange[]
  readonly #resolve: Claim['resolve']
  readonly #reject: Claim['reject']
  #left: number
  #last: { batch: PendingBatch; claim: Claim } | undefined

  /** @param records how many there are */
  constructor(records: number) {
    this.#result = Promise.withResolvers()
    this.written = this.#result.promise
    this.#ranges = []
    this.#left = records
    this.#last = undefined
    this.#resolve = (place, count) => {
      this.#ranges.push({ ...place, count })
      this.#settle(count)
    }
    this.#reject = (error, count) => {
      this.#result.reject(error)
      this.#settle(count)
    }
    if (records === 0) this.#result.resolve([])
  }

  /** The record appended to `batch` last is one of them. */
  took(batch: PendingBatch, timestamp: number): void {
    const index = batch.content.count - 1
    if (this.#last?.batch === batch && this.#last.claim.index + this.#last.claim.count === index) {
      this.#last.claim.count++
      return
    }
    const claim = { index, count: 1, timestamp, resolve: this.#resolve, reject: this.#reject }
    batch.claim(claim)
    this.#last = { batch, claim }
  }

  /** The rest is not appended. */
  fail(error: Error): void {
    this.#result.reject(error)
  }

  #settle(count: number): void {
    this.#left -= count
    if (this.#left === 0) this.#result.resolve(joined(this.#ranges))
  }
}

/** By partition and offset; what lies one after the other as one. */
function joined(ranges: WrittenRange[]): WrittenRange[] {
  const joint: WrittenRange[] = []
  for (const range of ranges.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)) {
    const last = joint.at(-1)
    if (last !== undefined && last.partition === range.partition && last.offset >= 0 && last.offset + last.count === range.offset) {
      last.count += range.count
    } else joint.push({ ...range })
  }
  return joint
}
