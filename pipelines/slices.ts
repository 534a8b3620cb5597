import type { ConsumerBatch, TopicPartition } from '../core/client/types.ts'

/** A stretch of one batch. */
export interface Piece {
  readonly batch: ConsumerBatch
  readonly from: number
  readonly count: number
  /** The offset behind what was polled before it: it may only be run when everything up to there was. */
  readonly after: number
  /** The offset behind it. */
  readonly nextOffset: number
}

/** What was polled and not yet run, per partition. Bounded by what one poll may bring beyond one slice. */
export class Slices {
  readonly #queues: Map<string, Piece[]>
  #records: number
  #bytes: number

  constructor() {
    this.#queues = new Map()
    this.#records = 0
    this.#bytes = 0
  }

  get records(): number {
    return this.#records
  }

  get bytes(): number {
    return this.#bytes
  }

  /** @param after the offset behind what was polled of the partition before */
  add(batch: ConsumerBatch, after: number): void {
    const key = keyOf(batch)
    let queue = this.#queues.get(key)
    if (queue === undefined) this.#queues.set(key, (queue = []))
    queue.push({ batch, from: batch.from, count: batch.count, after, nextOffset: batch.nextOffset })
    this.#count(batch, 1)
  }

  /** Whether nothing of the partition waits. */
  isEmpty(partition: TopicPartition): boolean {
    return (this.#queues.get(keyOf(partition))?.length ?? 0) === 0
  }

  drop(partition: TopicPartition): void {
    for (const { batch } of this.#queues.get(keyOf(partition)) ?? []) this.#count(batch, -1)
    this.#queues.delete(keyOf(partition))
  }

  clear(): void {
    this.#queues.clear()
    this.#records = 0
    this.#bytes = 0
  }

  /**
   * Takes at most `recordsMax` records: from the partition with the oldest head first, so that the partitions come forward in event time
   * together and few windows are open. Of each partition in order.
   */
  take(recordsMax: number, bytesMax: number): Piece[] {
    const pieces: Piece[] = []
    let records = recordsMax
    let bytes = bytesMax
    while (records > 0 && bytes > 0) {
      const queue = this.#oldest()
      const head = queue?.[0]
      if (queue === undefined || head === undefined) break
      const [first, rest] = split(head, records)
      if (rest === undefined) {
        queue.shift()
        this.#count(head.batch, -1)
      } else queue[0] = rest
      pieces.push(first)
      records -= first.count
      bytes -= bytesOf(first.batch, first.from, first.count)
    }
    return pieces
  }

  #oldest(): Piece[] | undefined {
    let oldest: Piece[] | undefined
    let time = Infinity
    for (const queue of this.#queues.values()) {
      const head = queue[0]
      if (head === undefined) continue
      const at = head.batch.columns.timestamps[head.from] ?? 0
      if (oldest === undefined || at < time) {
        oldest = queue
        time = at
      }
    }
    return oldest
  }

  #count(batch: ConsumerBatch, sign: 1 | -1): void {
    this.#records += sign * batch.count
    this.#bytes += sign * bytesOf(batch, batch.from, batch.count)
  }
}

export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

/** Bytes of some records of a batch, without the few of their own headers; the batch's buffer may be that of a whole fetch. */
export function bytesOf({ columns }: ConsumerBatch, from: number, count: number): number {
  return count === 0 ? 0 : columns.headersStart[from + count - 1]! - columns.keyStart[from]!
}

/** At most `records` of a piece, and the rest. */
function split(piece: Piece, records: number): [Piece, Piece | undefined] {
  const { batch, from, count, after, nextOffset } = piece
  if (count <= records) return [piece, undefined]
  const at = from + records
  const between = batch.columns.offset(at)
  return [
    { batch, from, count: records, after, nextOffset: between },
    { batch, from: at, count: count - records, after: between, nextOffset },
  ]
}
