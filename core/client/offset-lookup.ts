import type { Cluster } from '../cluster/cluster.ts'
import { tpKey } from '../cluster/topic-partition.ts'
import type { TopicPartition } from '../cluster/topic-partition.ts'
import { findOffsets, OffsetAt } from './offset-requests.ts'
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
    const found = await this.#find(partitions.map(({ topic, partition }) => ({ topic, partition, timestamp: OffsetAt[place] })))
    return new Map(found.map((answer) => [tpKey(answer), answer.offset]))
  }

  /** Null where all records are older. */
  async atTimes(queries: readonly (TopicPartition & { timestamp: number })[]): Promise<Map<string, OffsetAtTime | null>> {
    const found = await this.#find(queries)
    return new Map(
      found.map((o) => [tpKey(o), o.offset < 0 ? null : { offset: o.offset, timestamp: o.timestamp, leaderEpoch: o.leaderEpoch }]),
    )
  }

  #find(queries: readonly (TopicPartition & { timestamp: number })[]) {
    return findOffsets(this.#cluster, queries, this.#isolation, this.#cluster.requestTimeoutMs)
  }
}
