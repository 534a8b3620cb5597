import type { OngoingTransaction, PartitionWriter, TopicPartition } from '../coordinator/partition-writer.ts'
import { kafkaError } from '../protocol/errors.ts'
import type { Partition } from './partition.ts'
import type { ReplicaManager } from './replica-manager.ts'

export interface LocalPartitionWriterOptions {
  replicas: ReplicaManager
  /** Whether a flush waits for the disk. */
  syncs: boolean
  ensureTopic: (name: string, partitions: number) => Promise<void>
  report: (topic: string, partition: number, error: unknown) => void
}

/** The coordinators' way to the logs of this broker. */
export class LocalPartitionWriter implements PartitionWriter {
  readonly #replicas: ReplicaManager
  readonly #syncs: boolean
  readonly #ensureTopic: (name: string, partitions: number) => Promise<void>
  readonly #report: LocalPartitionWriterOptions['report']

  constructor(options: LocalPartitionWriterOptions) {
    this.#replicas = options.replicas
    this.#syncs = options.syncs
    this.#ensureTopic = options.ensureTopic
    this.#report = options.report
  }

  append(topic: string, partition: number, batch: Buffer): number {
    return this.#partition(topic, partition).append(batch, 'coordinator').baseOffset
  }

  appendMarker(topic: string, partition: number, controlBatch: Buffer, transactionVersion: number): void {
    this.#partition(topic, partition).appendMarker(controlBatch, transactionVersion)
  }

  async flush(topic: string, partition: number): Promise<void> {
    const { log } = this.#partition(topic, partition)
    if (this.#syncs) await log.whenFlushed(log.logEndOffset)
  }

  isWritable(topic: string, partition: number): boolean {
    return this.#replicas.partition(topic, partition)?.log.failure === undefined
  }

  report(topic: string, partition: number, error: unknown): void {
    this.#report(topic, partition, error)
  }

  read(topic: string, partition: number, offset: number, maxBytes: number): Buffer {
    const { log } = this.#partition(topic, partition)
    return log.read(offset, maxBytes, log.logEndOffset).records
  }

  startOffset(topic: string, partition: number): number {
    return this.#partition(topic, partition).log.logStartOffset
  }

  endOffset(topic: string, partition: number): number {
    return this.#partition(topic, partition).log.logEndOffset
  }

  ensureTopic(name: string, partitions: number): Promise<void> {
    return this.#ensureTopic(name, partitions)
  }

  exists(topic: string, partition: number): boolean {
    return this.#replicas.partition(topic, partition) !== undefined
  }

  ongoing(topic: string, partition: number): readonly OngoingTransaction[] {
    return this.#partition(topic, partition).log.ongoingTransactions.map(({ producerId, epoch }) => ({ producerId, producerEpoch: epoch }))
  }

  partitions(): Iterable<TopicPartition> {
    return Array.from(this.#replicas.partitions(), ({ topic, index }) => ({ topic, partition: index }))
  }

  #partition(topic: string, index: number): Partition {
    const partition = this.#replicas.partition(topic, index)
    if (partition === undefined) throw kafkaError('NOT_LEADER_OR_FOLLOWER', `${topic}-${index}`)
    return partition
  }
}
