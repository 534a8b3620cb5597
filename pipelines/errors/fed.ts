import type { Origin } from '../record.ts'
import type { TaskBatch } from '../task.ts'

type Item = readonly [item: unknown, origin: Origin]

/** Where a record lies: in the columns of a batch, or as an item of a source. */
export type FedRecord =
  | { readonly kind: 'record'; readonly batch: TaskBatch; readonly at: number; readonly count: number }
  | { readonly kind: 'item'; readonly item: unknown; readonly origin: Origin; readonly count: number }

/** What a task was fed in one attempt of an epoch, in its order: for the bytes of records that fail, and to find out which one does. */
export class Fed {
  #batches: TaskBatch[]
  #items: Item[]

  constructor() {
    this.#batches = []
    this.#items = []
  }

  clear(): void {
    this.#batches = []
    this.#items = []
  }

  add(batch: TaskBatch): void {
    this.#batches.push(batch)
  }

  addItem(item: unknown, origin: Origin): void {
    this.#items.push([item, origin])
  }

  /** The record, and how many were fed up to it, it included. A task has batches or items, never both. */
  find({ topic, partition, offset }: Origin): FedRecord | undefined {
    let before = 0
    for (const batch of this.#batches) {
      const at = batch.topic === topic && batch.partition === partition ? indexOf(batch, offset) : -1
      if (at >= 0) return { kind: 'record', batch, at, count: before + at - batch.from + 1 }
      before += batch.count
    }
    const index = this.#items.findIndex(([, origin]) => origin.topic === topic && origin.offset === offset)
    if (index < 0) return undefined
    const [item, origin] = this.#items[index]!
    return { kind: 'item', item, origin, count: index + 1 }
  }

  /** Which record was fed as the nth, counting from 1. */
  originAt(n: number): Origin {
    let at = n - 1
    for (const { topic, partition, columns, from, count } of this.#batches) {
      if (at < count) return { topic, partition, offset: columns.offset(from + at), timestamp: columns.timestamp(from + at) }
      at -= count
    }
    return this.#items[at]![1]
  }
}

/** Where in the columns of a batch an offset stands; -1 when it is not among those that were fed. */
function indexOf({ columns, from, count }: TaskBatch, offset: number): number {
  let [low, high] = [from, from + count - 1]
  while (low <= high) {
    const middle = (low + high) >>> 1
    const found = columns.offset(middle)
    if (found === offset) return middle
    if (found < offset) low = middle + 1
    else high = middle - 1
  }
  return -1
}
