import { BatchBuilder } from '../record/builder.ts'
import type { PartitionWriter } from './partition-writer.ts'
import { type CoordinatorRecord, encodeRecord } from './records.ts'
import { type Replayer, replay } from './replay.ts'

export const GROUPS_TOPIC = '__consumer_offsets'
export const TRANSACTIONS_TOPIC = '__transaction_state'

/** One partition of a coordinator's topic: appends at once, and knows whether everything appended is durable. */
export class CoordinatorLog {
  readonly partition: number
  readonly #writer: PartitionWriter
  readonly #topic: string
  #appended: number
  #durable: number

  constructor(writer: PartitionWriter, topic: string, partition: number) {
    this.#writer = writer
    this.#topic = topic
    this.partition = partition
    this.#appended = 0
    this.#durable = 0
  }

  get isDurable(): boolean {
    return this.#durable === this.#appended
  }

  /** False while the disk refuses it. */
  get isWritable(): boolean {
    return this.#writer.isWritable(this.#topic, this.partition)
  }

  /** Appends the records as one batch; of a client's transaction when `producer` is given. */
  append(records: readonly CoordinatorRecord[], timestamp: number, producer?: { producerId: number; producerEpoch: number }): void {
    const builder = new BatchBuilder({ sizeHint: 512 })
    for (const record of records) {
      const { key, value } = encodeRecord(record)
      builder.append(timestamp, key, value)
    }
    this.#writer.append(this.#topic, this.partition, builder.build(producer && { ...producer, transactional: true }))
    this.#appended++
  }

  appendMarker(marker: Buffer, transactionVersion: number): void {
    this.#writer.appendMarker(this.#topic, this.partition, marker, transactionVersion)
    this.#appended++
  }

  /** Resolves when everything appended so far is durable; callers at the same time share one flush. */
  async flushed(): Promise<void> {
    const target = this.#appended
    if (this.#durable >= target) return
    await this.#writer.flush(this.#topic, this.partition)
    this.#durable = Math.max(this.#durable, target)
  }

  /** What is read may be in the page cache only, when a killed process wrote it: it counts as appended. */
  replay(replayer: Replayer): void {
    this.#appended++
    replay(this.#writer, this.#topic, this.partition, replayer)
  }
}
