import type { Cluster } from '../cluster/cluster.ts'
import { throwOnError } from '../protocol/errors.ts'
import { InitProducerId } from '../protocol/messages/init-producer-id.ts'
import type { Joins } from './joins.ts'
import type { BatchIdentity, PendingBatch } from './pending-batch.ts'

export type Failure = 'refused' | 'given up'

/** Says under which producer id, epoch and sequence batches go out, and when they may. */
export interface ProducerIdentity {
  readonly transactionalId: string | null
  /** The highest version of Produce to use. */
  readonly produceVersionMax: number
  /** Resolves when batches may be identified; undefined when they may already. */
  prepare(): Promise<void> | undefined
  /** Whether this batch may go now. When not, the identity wakes the sender later. */
  admits(batch: PendingBatch): boolean
  identify(batch: PendingBatch): BatchIdentity
  /** Where partitions join a transaction by being written to: undefined, nothing is to be heeded. */
  readonly joins: Joins | undefined
  /** Something has failed so that {@link ProducerIdentity.rejection} has an answer for some batches. */
  readonly failure: Error | undefined
  /** Why this batch will never go. */
  rejection(batch: PendingBatch): Error | undefined
  /**
   * A batch has failed for good: the broker refused it, or we gave it up and do not know whether it was written.
   * @returns what to tell those who wait for it
   */
  failed(batch: PendingBatch, error: Error, how: Failure): Error
  /** The broker and we disagree about sequences. True: number anew and send again; an error: the batch fails with it. */
  outOfOrder(batch: PendingBatch, error: Error): true | Error
}

/** No id at all: `enableIdempotence: false`, or acks below 'all'. */
export class Anonymous implements ProducerIdentity {
  readonly transactionalId = null
  readonly produceVersionMax = Infinity
  readonly joins = undefined
  readonly failure = undefined

  prepare(): undefined {
    return undefined
  }

  admits(): boolean {
    return true
  }

  identify(): BatchIdentity {
    return { producerId: -1, producerEpoch: -1, baseSequence: -1 }
  }

  rejection(): undefined {
    return undefined
  }

  failed(_batch: PendingBatch, error: Error): Error {
    return error
  }

  outOfOrder(_batch: PendingBatch, error: Error): Error {
    return error
  }
}

const EPOCH_MAX = 32_766

/** A producer id without transactions. The epoch of each partition is ours to raise (KIP-360): the id belongs to this object alone. */
export class Idempotence implements ProducerIdentity {
  readonly transactionalId = null
  readonly produceVersionMax = Infinity
  readonly joins = undefined
  readonly failure = undefined
  readonly #cluster: Cluster
  readonly #timeoutMs: number
  #producerId: number
  #preparing: Promise<void> | undefined

  constructor(cluster: Cluster, timeoutMs: number) {
    this.#cluster = cluster
    this.#timeoutMs = timeoutMs
    this.#producerId = -1
    this.#preparing = undefined
  }

  prepare(): Promise<void> | undefined {
    if (this.#producerId >= 0) return undefined
    this.#preparing ??= this.#init().finally(() => (this.#preparing = undefined))
    return this.#preparing
  }

  admits(batch: PendingBatch): boolean {
    const { queue } = batch
    if (!queue.restartDue) return true
    if (queue.producerEpoch >= EPOCH_MAX) {
      // A partition that has used up its epochs takes a new id along for all the others, which change over as they go idle.
      this.#producerId = -1
      queue.producerEpoch = -1
      return false
    }
    queue.renumber()
    return true
  }

  identify(batch: PendingBatch): BatchIdentity {
    const { queue } = batch
    if (batch.identity !== undefined) return batch.identity
    const fresh = queue.producerId !== this.#producerId
    if (fresh && queue.inflight > 0 && queue.producerId >= 0) return queue.identify(batch, queue.producerId, queue.producerEpoch)
    return queue.identify(batch, this.#producerId, fresh ? 0 : queue.producerEpoch)
  }

  rejection(): undefined {
    return undefined
  }

  /**
   * After a refused batch the broker takes none of those numbered after it: they are numbered anew. After one that was given up they may
   * have been written: they keep their numbers, and the broker's answer tells.
   */
  failed(batch: PendingBatch, error: Error, how: Failure): Error {
    if (how === 'refused') batch.queue.restartSequences()
    return error
  }

  /** The broker looks for a duplicate first, so this batch was not written, and with it none after it. */
  outOfOrder(batch: PendingBatch): true {
    batch.queue.restartSequences()
    return true
  }

  async #init(): Promise<void> {
    const what = 'get a producer id'
    await this.#cluster.retry({ what, timeoutMs: this.#timeoutMs }, async () => {
      const connection = await this.#cluster.any()
      const answer = await connection.request(InitProducerId, { transactionalId: null, transactionTimeoutMs: 0x7fffffff })
      throwOnError(answer.errorCode, what)
      this.#producerId = answer.producerId
    })
  }
}
