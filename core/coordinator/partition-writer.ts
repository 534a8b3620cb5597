/** A transaction that is open in the log of a partition. */
export interface OngoingTransaction {
  producerId: number
  producerEpoch: number
}

export interface TopicPartition {
  topic: string
  partition: number
}

/**
 * What coordinators need from the rest of the broker: the logs of partitions this broker leads. Appending and making
 * durable are two steps, because several answers share one flush, and because a check and the append it guards must
 * happen in one tick.
 */
export interface PartitionWriter {
  /** Appends a batch at once, without waiting for the disk. Answers its base offset, throws KafkaError when refused. */
  append(topic: string, partition: number, batch: Buffer): number
  /** Appends the marker of a transaction of this version at once. Throws KafkaError INVALID_PRODUCER_EPOCH and others when it is late. */
  appendMarker(topic: string, partition: number, controlBatch: Buffer, transactionVersion: number): void
  /** Resolves when everything appended so far is as durable as acks=all promises. */
  flush(topic: string, partition: number): Promise<void>
  /** False while the disk refuses this partition: appends and flushes would fail. */
  isWritable(topic: string, partition: number): boolean
  /** Tells the people who run the broker of damage that was stepped over. */
  report(topic: string, partition: number, error: unknown): void
  /** Whole batches from `offset` on, at least one unless the end is reached. */
  read(topic: string, partition: number, offset: number, maxBytes: number): Buffer
  startOffset(topic: string, partition: number): number
  endOffset(topic: string, partition: number): number
  /** Creates an internal compacted topic when it does not exist yet. */
  ensureTopic(name: string, partitions: number): Promise<void>
  exists(topic: string, partition: number): boolean
  /** Transactions without a marker in this partition, as the log sees them. */
  ongoing(topic: string, partition: number): readonly OngoingTransaction[]
  /** All partitions that this broker leads. */
  partitions(): Iterable<TopicPartition>
}
