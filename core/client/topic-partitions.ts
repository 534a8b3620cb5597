import { MoldauError } from '../base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { noSuchPartition } from '../cluster/topic-partition.ts'
import { topicName } from './arguments.ts'
import { check } from './checks.ts'
import { RecordPartitioner } from './partitioner.ts'
import type { PartitionLoad, RecordPartitionerOptions } from './partitioner.ts'

export interface TopicPartitionsOptions extends Omit<RecordPartitionerOptions, 'random' | 'load'> {
  cluster: Cluster
  /** Batches of a partition that have yet to go. */
  waiting: PartitionLoad
  /** Whether nothing can be sent to this broker at the moment. */
  isStalled: (node: number) => boolean
}

/** The partitions of topics that are known: which there are, and which a record belongs to. */
export class TopicPartitions {
  readonly #cluster: Cluster
  readonly #partitioner: RecordPartitioner

  constructor(options: TopicPartitionsOptions) {
    const { cluster, waiting, isStalled } = options
    this.#cluster = cluster
    const load: PartitionLoad = (topic, partition) => {
      const leader = cluster.leader(topic, partition)
      return leader < 0 || isStalled(leader) ? -1 : waiting(topic, partition)
    }
    this.#partitioner = new RecordPartitioner({ ...options, random: cluster.policy.random, load })
  }

  isKnown(topic: string): boolean {
    return this.#cluster.image.topics.has(topic)
  }

  /** @param bytes of the record, at most @throws MoldauError UNKNOWN_TOPIC */
  choose(topic: string, key: Buffer | null, bytes: number): number {
    return this.#partitioner.choose(topic, key, this.#count(topic), bytes)
  }

  /** @throws MoldauError UNKNOWN_TOPIC, INVALID_ARGUMENT when there is no such partition */
  check(topic: string, partition: number): void {
    const error = noSuchPartition({ topic, partition }, this.#count(topic))
    if (error !== undefined) throw error
  }

  #count(topic: string): number {
    const count = this.#cluster.image.topics.get(topic)?.partitions.length
    if (count !== undefined) return count
    check('producer', 'topic', topic, topicName)
    throw new MoldauError('UNKNOWN_TOPIC', `nothing is known of topic '${topic}' yet: await producer.partitions('${topic}') first`)
  }
}
