import type { TopicPartition } from '../cluster/topic-partition.ts'
import { addSequence } from '../record/batch.ts'
import type { BatchBuilder } from '../record/builder.ts'
import type { BatchIdentity, PendingBatch } from './pending-batch.ts'

/** Batches of one partition of an idempotent producer under way at once: as many as a broker remembers. */
export const INFLIGHT_BATCHES_MAX = 5

/**
 * The batches of one partition, in order, with the sequence numbers that belong to them.
 * Order survives retries by one rule: when a batch comes back, nothing is sent until the fate of all others under way is known;
 * then what came back goes first, under its old numbers, and the broker drops what it has already.
 */
export class PartitionQueue implements TopicPartition {
  readonly topic: string
  readonly partition: number
  open: PendingBatch<BatchBuilder> | undefined
  /** Not before this time, monotonic milliseconds. */
  retryAt: number
  failures: number
  producerId: number
  producerEpoch: number
  /** The producer id under which the broker has acknowledged a batch. */
  #provenId: number
  #nextSequence: number
  #restart: boolean
  #nextOrder: number
  #sealed: PendingBatch[]
  #returned: PendingBatch[]
  readonly #inflight: Set<PendingBatch>

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
    this.open = undefined
    this.retryAt = 0
    this.failures = 0
    this.producerId = -1
    this.producerEpoch = -1
    this.#provenId = -1
    this.#nextSequence = 0
    this.#restart = false
    this.#nextOrder = 0
    this.#sealed = []
    this.#returned = []
    this.#inflight = new Set()
  }

  get idle(): boolean {
    return this.#sealed.length === 0 && this.#returned.length === 0
  }

  get inflight(): number {
    return this.#inflight.size
  }

  get underWay(): Iterable<PendingBatch> {
    return this.#inflight
  }

  /** Batches that have yet to go. */
  get waiting(): number {
    return this.#sealed.length + this.#returned.length + (this.open === undefined ? 0 : 1)
  }

  order(): number {
    return this.#nextOrder++
  }

  /** Closes the open batch: it may be sent. */
  seal(): void {
    if (this.open === undefined) return
    this.#sealed.push(this.open)
    this.open = undefined
  }

  /** Puts a batch that is whole already behind all others. */
  add(batch: PendingBatch): void {
    this.seal()
    this.#sealed.push(batch)
  }

  /** The batch that may be sent now. */
  peek(now: number): PendingBatch | undefined {
    if (this.#returned.length > 0) {
      if (this.#inflight.size > 0) return undefined
      this.#sealed = [...this.#returned.toSorted((a, b) => a.order - b.order), ...this.#sealed]
      this.#returned = []
    }
    if (this.#inflight.size >= this.#inflightMax || now < this.retryAt) return undefined
    // Numbers begin anew under a new epoch, which the broker must not see before everything of the old one is answered.
    if (this.#restart && this.#inflight.size > 0) return undefined
    return this.#sealed[0]
  }

  /**
   * A broker that knows nothing of a producer takes any sequence number as the first (KIP-360): until it has acknowledged a batch, a
   * second one could overtake the first when that is refused, say because the partition is being created. Without a producer id the only
   * bound is that of requests to a broker, and batches change places when one has to go again, as in Kafka.
   */
  get #inflightMax(): number {
    if (this.producerId < 0) return Infinity
    return this.#provenId === this.producerId ? INFLIGHT_BATCHES_MAX : 1
  }

  /** Takes the batch that {@link PartitionQueue.peek} showed. */
  take(): PendingBatch {
    const batch = this.#sealed.shift()!
    this.#inflight.add(batch)
    return batch
  }

  /** The sequence numbers of a batch: its old ones, or the next. */
  identify(batch: PendingBatch, producerId: number, producerEpoch: number): BatchIdentity {
    if (batch.identity !== undefined) return batch.identity
    if (this.producerId !== producerId || this.producerEpoch !== producerEpoch) {
      this.producerId = producerId
      this.producerEpoch = producerEpoch
      this.#nextSequence = 0
    }
    batch.identity = { producerId, producerEpoch, baseSequence: this.#nextSequence }
    this.#nextSequence = addSequence(this.#nextSequence, batch.content.count)
    return batch.identity
  }

  acknowledged(batch: PendingBatch): void {
    this.#inflight.delete(batch)
    this.#provenId = batch.identity?.producerId ?? -1
    this.failures = 0
  }

  refused(batch: PendingBatch): void {
    this.#inflight.delete(batch)
    this.failures = 0
  }

  /** The batch goes again, when the others under way have been answered. */
  giveBack(batch: PendingBatch, retryAt: number): void {
    this.#inflight.delete(batch)
    this.#returned.push(batch)
    this.retryAt = Math.max(this.retryAt, retryAt)
    this.failures++
  }

  /** Others stand in the place of a batch that came back. */
  replace(batch: PendingBatch, parts: readonly PendingBatch[]): void {
    this.#inflight.delete(batch)
    this.#returned.push(...parts)
  }

  /** Whether the fate of a batch before this one is open. */
  hasEarlier(batch: PendingBatch): boolean {
    for (const other of this.#inflight) if (other.order < batch.order) return true
    return this.#returned.some((other) => other.order < batch.order)
  }

  /** A number is missing at the broker or here: the batches to come are numbered from 0 under a new epoch (KIP-360). */
  restartSequences(): void {
    this.#restart = true
  }

  /** Whether a restart is due now. {@link PartitionQueue.renumber} carries it out. */
  get restartDue(): boolean {
    return this.#restart && this.#inflight.size === 0
  }

  /** Raises the epoch and forgets all numbers given to batches that have yet to go. */
  renumber(): void {
    this.#restart = false
    this.producerEpoch++
    this.#nextSequence = 0
    for (const batch of [...this.#returned, ...this.#sealed]) {
      batch.identity = undefined
      batch.built = undefined
    }
  }

  /** Takes out what is not under way and fits `which`. */
  remove(which: (batch: PendingBatch) => boolean): PendingBatch[] {
    if (this.open !== undefined && which(this.open)) this.seal()
    const gone = [...this.#returned, ...this.#sealed].filter(which)
    if (gone.length === 0) return gone
    this.#returned = this.#returned.filter((batch) => !gone.includes(batch))
    this.#sealed = this.#sealed.filter((batch) => !gone.includes(batch))
    return gone
  }
}
