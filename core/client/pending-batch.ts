import type { BatchBuilder } from '../record/builder.ts'
import type { FlushGroup } from './flush-group.ts'
import type { PartitionQueue } from './partition-queue.ts'
import type { RecordMetadata } from './types.ts'

export interface BatchIdentity {
  producerId: number
  producerEpoch: number
  baseSequence: number
}

/** A send() that waits: one promise per record, and nothing else. */
interface Waiter {
  index: number
  timestamp: number
  resolve: (place: RecordMetadata) => void
  reject: (error: Error) => void
}

/** A batch on its way: filled, sealed, sent, sent again, done. */
export class PendingBatch {
  readonly queue: PartitionQueue
  readonly builder: BatchBuilder
  readonly group: FlushGroup
  /** Which transaction of this producer it belongs to; batches of the next one wait for the end of this one. */
  readonly transaction: number
  /** Monotonic milliseconds. */
  readonly createdAt: number
  /** Place among the batches of its partition. */
  readonly order: number
  bytes: number
  /** Given at the first send: header and checksum are written late, records early. */
  identity: BatchIdentity | undefined
  built: Buffer | undefined
  attempts: number
  /** What the last attempt met, for the message when there is no time for another one. */
  lastError: Error | undefined
  /** Nobody holds its bytes any more: its builder may be used again. */
  reusable: boolean
  readonly #waiters: Waiter[]

  constructor(queue: PartitionQueue, builder: BatchBuilder, group: FlushGroup, transaction: number, createdAt: number, order: number) {
    this.queue = queue
    this.builder = builder
    this.group = group
    this.transaction = transaction
    this.createdAt = createdAt
    this.order = order
    this.bytes = 0
    this.identity = undefined
    this.built = undefined
    this.attempts = 0
    this.lastError = undefined
    this.reusable = false
    this.#waiters = []
  }

  /** The fate of the record that was appended last. */
  whenWritten(timestamp: number): Promise<RecordMetadata> {
    const index = this.builder.count - 1
    return new Promise((resolve, reject) => this.#waiters.push({ index, timestamp, resolve, reject }))
  }

  /** @param logAppendTime -1: the records keep their own times */
  resolve(baseOffset: number, logAppendTime: number): void {
    const { topic, partition } = this.queue
    for (const { index, timestamp, resolve } of this.#waiters) {
      resolve({
        topic,
        partition,
        offset: baseOffset < 0 ? -1 : baseOffset + index,
        timestamp: logAppendTime < 0 ? timestamp : logAppendTime,
      })
    }
    this.group.settled()
  }

  reject(error: Error): void {
    for (const waiter of this.#waiters) waiter.reject(error)
    this.group.settled(error)
  }
}
