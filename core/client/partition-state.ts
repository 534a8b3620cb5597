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
  /** The next offset to ask for: ahead of the position by what lies here. */
  fetchPosition: number
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
  /** No fetch before this, monotonic milliseconds. */
  retryAt: number
  failures: number

  constructor(tp: TopicPartition & { topicId?: string }, start: Start) {
    this.topic = tp.topic
    this.partition = tp.partition
    this.topicId = ZERO_UUID
    this.meantTopicId = tp.topicId
    this.position = undefined
    this.fetchPosition = -1
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

  moveTo(offset: number): void {
    this.#drop()
    this.position = offset
    this.fetchPosition = offset
  }

  #drop(): void {
    // What was out of range may have been the position in a topic of the same name that was deleted.
    if (this.outOfRange) this.topicId = ZERO_UUID
    this.version++
    this.fetched.length = 0
    this.bufferedBytes = 0
    this.outOfRange = false
    this.retryAt = 0
    this.failures = 0
  }
}
