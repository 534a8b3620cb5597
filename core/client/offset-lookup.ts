import type { Cluster } from '../cluster/cluster.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import type { OffsetQuestion } from './admin/record-types.ts'
import { timedPartitions, topicPartitions } from './arguments.ts'
import { check } from './checks.ts'
import { findOffsets } from './offset-requests.ts'
import type { Isolation } from './types.ts'

/** Where a partition was at a time. */
export interface OffsetAtTime {
  /** Of the first record that is as young. */
  offset: number
  /** That record's, in milliseconds since 1970. */
  timestamp: number
  leaderEpoch: number
}

/** Answers where partitions begin, end, or were at a time, by `topic-partition`; one request per leader. */
export class OffsetLookup {
  readonly #cluster: Cluster
  readonly #isolation: Isolation

  constructor(cluster: Cluster, isolation: Isolation) {
    this.#cluster = cluster
    this.#isolation = isolation
  }

  async at(partitions: readonly TopicPartition[], place: 'earliest' | 'latest'): Promise<Map<string, number>> {
    check('consumer: offsets', 'partitions', partitions, topicPartitions)
    const found = await this.#find(partitions.map(({ topic, partition }) => ({ topic, partition, at: place })))
    return new Map(found.map((answer) => [tpKey(answer), answer.offset]))
  }

  /** Null where all records are older. */
  async atTimes(queries: readonly (TopicPartition & { timestamp: number })[]): Promise<Map<string, OffsetAtTime | null>> {
    check('consumer: offsets', 'queries', queries, timedPartitions)
    const found = await this.#find(queries.map(({ topic, partition, timestamp }) => ({ topic, partition, at: timestamp })))
    return new Map(
      found.map((o) => [tpKey(o), o.offset < 0 ? null : { offset: o.offset, timestamp: o.timestamp, leaderEpoch: o.leaderEpoch }]),
    )
  }

  #find(questions: readonly OffsetQuestion[]) {
    return findOffsets(this.#cluster, questions, this.#isolation, this.#cluster.requestTimeoutMs)
  }
}
