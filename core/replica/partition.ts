import { isInternalTopic } from '../coordination/topic-name.ts'
import type { AppendInfo, PartitionLog } from '../log/partition-log.ts'
import { kafkaError } from '../protocol/errors.ts'
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
  /** Counts the leaders of this partition; one broker alone stays at 0. */
  readonly leaderEpoch: number
  readonly waiters: Waiters

  constructor(topic: string, index: number, topicId: string, log: PartitionLog) {
    this.topic = topic
    this.index = index
    this.topicId = topicId
    this.log = log
    this.internal = isInternalTopic(topic)
    this.leaderEpoch = 0
    this.waiters = new Waiters()
  }

  /** How far a consumer may read, exclusive. */
  readableEnd(isolation: Isolation): number {
    return isolation === 'read_committed' ? this.log.lastStableOffset : this.log.highWatermark
  }

  /**
   * Appends batches as the leader. Offsets and leader epoch are written into `records` in place.
   * @throws KafkaError CORRUPT_MESSAGE, MESSAGE_TOO_LARGE, OUT_OF_ORDER_SEQUENCE_NUMBER and the like
   */
  append(records: Buffer, origin: 'client' | 'coordinator'): AppendInfo {
    return this.#grow(records.length, () => this.log.append(records, { leaderEpoch: this.leaderEpoch, origin }))
  }

  /** Appends the control batch that ends a transaction. */
  appendMarker(controlBatch: Buffer): void {
    this.#grow(controlBatch.length, () => this.log.appendMarker(controlBatch, this.leaderEpoch))
  }

  /**
   * A client names the leader epoch it knows, -1 for none.
   * @throws KafkaError FENCED_LEADER_EPOCH when the client's metadata is old, UNKNOWN_LEADER_EPOCH when it is newer than ours
   */
  checkLeaderEpoch(epoch: number): void {
    if (epoch === -1 || epoch === this.leaderEpoch) return
    throw kafkaError(epoch < this.leaderEpoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH', `${this.topic}-${this.index}`)
  }

  /** Lets everybody who waits here look again: the partition is going away, or its readable range has changed otherwise. */
  wakeAll(): void {
    this.waiters.wake(Infinity, Infinity)
  }

  #grow<T>(bytes: number, append: () => T): T {
    const { log } = this
    const end = log.logEndOffset
    const stable = log.lastStableOffset
    const result = append()
    if (this.waiters.size === 0 || log.logEndOffset === end) return result
    const stableMoved = log.lastStableOffset > stable
    // What a marker sets free was written long before: its size is not known here, so those who wait look for themselves.
    this.waiters.wake(bytes, stableMoved ? (stable === end ? bytes : Infinity) : 0)
    return result
  }
}
