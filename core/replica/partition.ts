import { isInternalTopic } from '../coordination/topic-name.ts'
import type { AppendInfo, PartitionLog } from '../log/partition-log.ts'
import { atEndOfTick } from '../net/tick.ts'
import { kafkaError } from '../protocol/errors.ts'
import { Unseen } from './unseen.ts'
import { Waiters } from './waiting.ts'
import type { Waitable } from './waiting.ts'

/** Who may see what: consumers up to the high watermark, or up to the last stable offset. */
export type Isolation = 'read_uncommitted' | 'read_committed'

/** A partition that this broker leads: its log, and those who wait for it to grow. */
export class Partition implements Waitable {
  readonly topic: string
  readonly index: number
  readonly topicId: string
  readonly log: PartitionLog
  /** True for topics that only the broker writes. */
  readonly internal: boolean
  /** Counts the leaders of this partition; one broker alone stays at that which it began with. */
  readonly leaderEpoch: number
  readonly waiters: Waiters
  readonly #unseen: Unseen
  #stableSeen: number
  #flushing: boolean

  constructor(topic: string, index: number, topicId: string, log: PartitionLog, leaderEpoch = 0) {
    this.topic = topic
    this.index = index
    this.topicId = topicId
    this.log = log
    this.internal = isInternalTopic(topic)
    this.leaderEpoch = leaderEpoch
    this.waiters = new Waiters()
    this.#unseen = new Unseen()
    this.#stableSeen = -1
    this.#flushing = false
    log.onFlushed = () => this.#flushed()
  }

  /**
   * How far a consumer may read, exclusive. Where it sees only what is synced, its asking is a reason to sync: nobody else may do so for
   * records that were sent with acks=1.
   */
  readableEnd(isolation: Isolation): number {
    if (this.awaitsSync) this.#flushSoon()
    return isolation === 'read_committed' ? this.log.lastStableOffset : this.log.highWatermark
  }

  /**
   * Appends batches as the leader. Offsets and leader epoch are written into `records` in place.
   * @throws KafkaError CORRUPT_MESSAGE, MESSAGE_TOO_LARGE, OUT_OF_ORDER_SEQUENCE_NUMBER and the like
   */
  append(records: Buffer, origin: 'client' | 'coordinator', transactionVersion = 0): AppendInfo {
    return this.#grow(records.length, () => this.log.append(records, { leaderEpoch: this.#writtenEpoch, origin, transactionVersion }))
  }

  /** Appends the control batch that ends a transaction of this version. */
  appendMarker(controlBatch: Buffer, transactionVersion: number): void {
    this.#grow(controlBatch.length, () => this.log.appendMarker(controlBatch, this.#writtenEpoch, transactionVersion))
  }

  /**
   * A client names the leader epoch it knows, -1 for none.
   * @throws KafkaError FENCED_LEADER_EPOCH when the client's metadata is old, UNKNOWN_LEADER_EPOCH when it is newer than ours
   */
  checkLeaderEpoch(epoch: number): void {
    if (epoch === -1 || epoch === this.leaderEpoch) return
    throw kafkaError(epoch < this.leaderEpoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH', `${this.topic}-${this.index}`)
  }

  /** There are records that consumers will see when they are synced, which the disk does not refuse. */
  get awaitsSync(): boolean {
    const { log } = this
    return log.showsSyncedOnly && log.failure === undefined && log.highWatermark < log.logEndOffset
  }

  /**
   * Resolves when all that was appended before this call can be read: a question about the end of the log counts what its sender has been
   * answered for. `undefined` when it can be read already. A disk that fails is no reason to wait.
   */
  caughtUp(): Promise<void> | undefined {
    const { log } = this
    try {
      if (!this.awaitsSync) return undefined
    } catch {
      // What keeps the log from being opened is told by who reads it.
      return undefined
    }
    return log.whenFlushed(log.logEndOffset).catch(() => {})
  }

  /** Lets everybody who waits here look again: the partition is going away, or its readable range has changed otherwise. */
  wakeAll(): void {
    this.waiters.wake(Infinity, Infinity)
  }

  /** Epochs do not fall within a log, also where it came from a cluster in which leaders changed: readers would take what follows for cut off. */
  get #writtenEpoch(): number {
    return Math.max(this.leaderEpoch, this.log.latestEpoch)
  }

  #grow<T>(bytes: number, append: () => T): T {
    const { log } = this
    const end = log.logEndOffset
    if (log.showsSyncedOnly) {
      const result = append()
      if (log.logEndOffset > end) this.#hide(bytes, log.highWatermark >= end)
      return result
    }
    const stable = log.lastStableOffset
    const result = append()
    if (this.waiters.size === 0 || log.logEndOffset === end) return result
    const stableMoved = log.lastStableOffset > stable
    // What a marker sets free was written long before: its size is not known here, so those who wait look for themselves.
    this.waiters.wake(bytes, stableMoved ? (stable === end ? bytes : Infinity) : 0)
    return result
  }

  /** What was appended will be seen when it is synced; somebody who waits for it is a reason to do so. */
  #hide(bytes: number, isFirst: boolean): void {
    if (this.waiters.size === 0) return this.#unseen.lost()
    if (isFirst) this.#unseen.clear()
    this.#unseen.appended(this.log.logEndOffset, bytes)
    this.#flushSoon()
  }

  /** At the end of the turn: a producer that waits for the disk has begun the sync by then. */
  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    atEndOfTick(() => {
      this.#flushing = false
      this.log.flushSoon()
    })
  }

  #flushed(): void {
    const { log } = this
    if (!log.showsSyncedOnly) return
    const { highWatermark, lastStableOffset } = log
    const bytes = this.#unseen.upTo(highWatermark, highWatermark >= log.logEndOffset)
    const stableMoved = lastStableOffset > this.#stableSeen
    this.#stableSeen = lastStableOffset
    this.waiters.wake(bytes, stableMoved ? Infinity : 0)
  }
}
