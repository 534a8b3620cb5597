import type { FlushGroup } from './flush-group.ts'
import type { BatchContent } from './batch-content.ts'
import type { PartitionQueue } from './partition-queue.ts'
import type { RecordMetadata } from './types.ts'

export interface BatchIdentity {
  producerId: number
  producerEpoch: number
  baseSequence: number
}

/** Somebody who waits for the fate of some records of a batch: one promise for all of them, and nothing else. */
export interface Claim {
  /** Of the first record in the batch. */
  index: number
  count: number
  timestamp: number
  /** @param place of the first record @param count records that begin there */
  resolve: (place: RecordMetadata, count: number) => void
  reject: (error: Error, count: number) => void
}

/** A batch on its way: filled, sealed, sent, sent again, done. */
export class PendingBatch<Content extends BatchContent = BatchContent> {
  readonly queue: PartitionQueue
  readonly content: Content
  readonly group: FlushGroup
  /** Which transaction of this producer it belongs to; batches of the next one wait for the end of this one. */
  readonly transaction: number
  /** Monotonic milliseconds. */
  readonly createdAt: number
  /** Place among the batches of its partition. */
  readonly order: number
  /** What lies between this place and the next: the halves of a batch that was split share it. */
  orderSpan: number
  bytes: number
  /** Given at the first send: header and checksum are written late, records early. */
  identity: BatchIdentity | undefined
  built: Buffer | readonly Buffer[] | undefined
  builtBytes: number
  attempts: number
  /** What the last attempt met, for the message when there is no time for another one. */
  lastError: Error | undefined
  /** Nobody holds its bytes any more: its builder may be used again. */
  reusable: boolean
  /** Its fate has been told, although the broker may yet have to answer. */
  settled: boolean
  #claims: Claim[]

  constructor(queue: PartitionQueue, content: Content, group: FlushGroup, transaction: number, createdAt: number, order: number) {
    this.queue = queue
    this.content = content
    this.group = group
    this.transaction = transaction
    this.createdAt = createdAt
    this.order = order
    this.orderSpan = 1
    this.bytes = 0
    this.identity = undefined
    this.built = undefined
    this.builtBytes = 0
    this.attempts = 0
    this.lastError = undefined
    this.reusable = false
    this.settled = false
    this.#claims = []
  }

  /** The fate of the record that was appended last. */
  whenWritten(timestamp: number): Promise<RecordMetadata> {
    const index = this.content.count - 1
    return new Promise((resolve, reject) => this.#claims.push({ index, count: 1, timestamp, resolve, reject }))
  }

  claim(claim: Claim): void {
    this.#claims.push(claim)
  }

  /** Hands over who waits for records of the batch, divided at record `index` between its halves. */
  divideClaims(index: number, first: PendingBatch, second: PendingBatch): void {
    for (const claim of this.#claims) {
      const before = Math.min(Math.max(index - claim.index, 0), claim.count)
      if (before > 0) first.claim({ ...claim, count: before })
      if (before < claim.count) second.claim({ ...claim, index: Math.max(claim.index - index, 0), count: claim.count - before })
    }
    this.#claims = []
  }

  /** @param logAppendTime -1: the records keep their own times */
  resolve(baseOffset: number, logAppendTime: number): void {
    if (this.settled) return
    this.settled = true
    const { topic, partition } = this.queue
    for (const { index, count, timestamp, resolve } of this.#claims) {
      const offset = baseOffset < 0 ? -1 : baseOffset + index
      resolve({ topic, partition, offset, timestamp: logAppendTime < 0 ? timestamp : logAppendTime }, count)
    }
    this.group.settled()
  }

  /** @param culprits errors of single records, by index, where the broker has named them (KIP-467) */
  reject(error: Error, culprits?: ReadonlyMap<number, Error>): void {
    if (this.settled) return
    this.settled = true
    for (const { index, count, reject } of this.#claims) {
      let own: Error | undefined
      for (let i = index; own === undefined && culprits !== undefined && i < index + count; i++) own = culprits.get(i)
      reject(own ?? error, count)
    }
    this.group.settled(error)
  }
}
