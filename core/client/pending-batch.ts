import type { BatchBuilder } from '../record/builder.ts'
import type { FlushGroup } from './flush-group.ts'
import type { PartitionQueue } from './partition-queue.ts'

export interface BatchIdentity {
  producerId: number
  producerEpoch: number
  baseSequence: number
}

/** What became of a batch, told to every send() in it. */
export interface BatchOutcome {
  baseOffset: number
  /** -1: the records keep their own. */
  logAppendTime: number
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
  finished: boolean
  /** Nobody holds its bytes any more: its builder may be used again. */
  reusable: boolean
  #outcome: PromiseWithResolvers<BatchOutcome> | undefined

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
    this.finished = false
    this.reusable = false
    this.#outcome = undefined
  }

  /** The promise that all send() calls in this batch share; made only when one asks. */
  get outcome(): Promise<BatchOutcome> {
    this.#outcome ??= Promise.withResolvers<BatchOutcome>()
    return this.#outcome.promise
  }

  resolve(outcome: BatchOutcome): void {
    this.finished = true
    this.#outcome?.resolve(outcome)
    this.group.settled()
  }

  reject(error: Error): void {
    this.finished = true
    this.#outcome?.reject(error)
    this.group.settled(error)
  }
}
