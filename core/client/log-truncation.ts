import { MoldauError } from '../base/errors.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'

/** What a leader says of an epoch: the largest that it has and that is not above it, and the offset behind that one's last record; -1 for none. */
export interface EpochEnd {
  readonly leaderEpoch: number
  readonly endOffset: number
}

/**
 * Records that this consumer has handed out are not in the log any more: a replica that lacked them was made the leader, or a broker was restored
 * from an older copy. Thrown when `autoOffsetReset` is 'none', again by each poll until {@link Consumer.seek} says where to go on
 * (Kafka's LogTruncationException, KIP-320).
 */
export class LogTruncationError extends MoldauError implements TopicPartition {
  readonly topic: string
  readonly partition: number
  /** The next offset that would have been read. */
  readonly position: number
  /** From here on the log has other records than those that were read; undefined when the leader cannot tell. */
  readonly divergentOffset: number | undefined

  constructor(tp: TopicPartition, position: number, divergentOffset: number | undefined) {
    const from = divergentOffset === undefined ? 'at an offset that is not known' : `at offset ${divergentOffset}`
    const message = `${tpKey(tp)} was truncated ${from}, below the position ${position}: what was read from there on is not in the log any more; seek() to where to go on`
    super('LOG_TRUNCATED', message)
    this.name = 'LogTruncationError'
    this.topic = tp.topic
    this.partition = tp.partition
    this.position = position
    this.divergentOffset = divergentOffset
  }
}

/**
 * Whether a log that says this of the epoch before a position has what was read up to there, as Kafka's consumer decides. A log that has dropped all of the
 * epoch, say by compaction, and goes on beyond the position agrees.
 */
export function agrees({ leaderEpoch, endOffset }: EpochEnd, position: number): boolean {
  return leaderEpoch >= 0 && endOffset >= position
}
