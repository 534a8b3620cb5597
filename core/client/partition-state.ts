import { ZERO_UUID } from '../base/uuid.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import type { FetchedRecords } from './fetched-records.ts'
import type { ReadReplica } from './read-replica.ts'
import type { OffsetSpec } from './types.ts'

/** Where a position comes from while there is none. */
export type Start = OffsetSpec | 'committed' | 'reset'

/** What a consumer knows of one partition that it reads. */
export class PartitionState implements TopicPartition {
  readonly topic: string
  readonly partition: number
  /** The topic that the position belongs to, and what was fetched; the zero UUID until it is asked for. */
  topicId: string
  /** The topic that the group means, where it tells: another one of the same name is not read. */
  readonly meantTopicId: string | undefined
  /** The next offset to hand out; undefined until it has been found out. */
  position: number | undefined
  /** Leader epoch of what lies before the position, -1 when not known: with it the leader can tell whether that is still in its log (KIP-320). */
  positionEpoch: number
  /** The next offset to ask for: ahead of the position by what lies here. */
  fetchPosition: number
  /** As {@link PartitionState.positionEpoch}, of what lies before the fetch position. */
  fetchEpoch: number
  /** Epoch of the leader whose log is known to have what lies before the fetch position; -1 before one was asked. */
  leaderEpoch: number
  /** Epoch of the leader that is being asked for that, -1 for none. */
  validating: number
  /** How to find the position when it is undefined. */
  start: Start
  paused: boolean
  /** Raised by a seek: answers to questions asked before do not count. */
  version: number
  /** Fetched, not handed out, in order. */
  readonly fetched: FetchedRecords[]
  bufferedBytes: number
  highWatermark: number
  lastStableOffset: number
  logStartOffset: number
  /** The broker has no such offset: the position is found anew when what lies here has been handed out. */
  outOfRange: boolean
  /** Where to read instead of from the leader. */
  readReplica: ReadReplica | undefined
  /** A follower that could not be read from: the leader is to send nobody there for a while. */
  avoided: ReadReplica | undefined
  /** No fetch before this, monotonic milliseconds. */
  retryAt: number
  failures: number

  constructor(tp: TopicPartition & { topicId?: string }, start: Start) {
    this.topic = tp.topic
    this.partition = tp.partition
    this.topicId = ZERO_UUID
    this.meantTopicId = tp.topicId
    this.position = undefined
    this.positionEpoch = -1
    this.fetchPosition = -1
    this.fetchEpoch = -1
    this.leaderEpoch = -1
    this.validating = -1
    this.start = start
    this.paused = false
    this.version = 0
    this.fetched = []
    this.bufferedBytes = 0
    this.highWatermark = -1
    this.lastStableOffset = -1
    this.logStartOffset = -1
    this.outOfRange = false
    this.readReplica = undefined
    this.avoided = undefined
    this.retryAt = 0
    this.failures = 0
    if (typeof start === 'number') this.moveTo(start)
  }

  /** Forgets what was fetched, and where to go on: that is to be found out. */
  restart(start: Start): void {
    this.#drop()
    this.position = undefined
    this.start = start
    if (typeof start === 'number') this.moveTo(start)
  }

  /** @param epoch leader epoch of what lies before, -1 when not known */
  moveTo(offset: number, epoch = -1): void {
    this.#drop()
    this.position = offset
    this.positionEpoch = epoch
    this.fetchPosition = offset
    this.fetchEpoch = epoch
  }

  /** What lies before `offset` has been handed out, or passed over. */
  passed(offset: number, epoch: number): void {
    this.position = offset
    this.positionEpoch = epoch
  }

  #drop(): void {
    // What was out of range may have been the position in a topic of the same name that was deleted.
    if (this.outOfRange) this.topicId = ZERO_UUID
    this.version++
    this.fetched.length = 0
    this.bufferedBytes = 0
    this.outOfRange = false
    this.leaderEpoch = -1
    this.validating = -1
    this.retryAt = 0
    this.failures = 0
  }
}
