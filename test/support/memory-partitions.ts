import { kafkaError } from '../../core/protocol/errors.ts'
import { isControl, isTransactional, nextOffset, producerEpoch, producerId, setBaseOffset, sizeInBytes } from '../../core/record/batch.ts'
import { decodeBatch } from '../../core/record/columns.ts'
import { readControl } from '../../core/record/control.ts'
import { BatchBuilder } from '../../core/record/builder.ts'
import type { OngoingTransaction, PartitionWriter, TopicPartition } from '../../core/coordinator/partition-writer.ts'

interface Log {
  topic: string
  partition: number
  batches: Buffer[]
  end: number
  /** Batches below this count survive a power loss. */
  durable: number
}

/**
 * Logs of partitions in memory, with a disk that can be told to lose what was not flushed, and to refuse. What coordinators do between an append
 * and a flush can be looked at here as no real disk allows.
 */
export class MemoryPartitions implements PartitionWriter {
  readonly #logs: Map<string, Log>
  flushes: number
  /** The next appends or flushes throw while positive. */
  failAppends: number
  failFlushes: number
  /** False: the disk refuses, and says so before anything is tried. */
  writable: boolean

  constructor(logs: Map<string, Log> = new Map()) {
    this.#logs = logs
    this.flushes = 0
    this.failAppends = 0
    this.failFlushes = 0
    this.writable = true
  }

  create(topic: string, partitions: number): void {
    for (let partition = 0; partition < partitions; partition++) {
      this.#logs.set(`${topic}-${partition}`, { topic, partition, batches: [], end: 0, durable: 0 })
    }
  }

  /**
   * The same logs as another process finds them: all that was appended, or, after a power loss, what was flushed and of the rest the share that
   * `keep` says (0 to 1), for a disk may write what nobody asked it to.
   */
  restart(powerLoss: boolean, keep: (topic: string, partition: number) => number = () => 0): MemoryPartitions {
    const logs = new Map<string, Log>()
    for (const [key, log] of this.#logs) {
      const unsynced = log.batches.length - log.durable
      const count = powerLoss ? log.durable + Math.floor(unsynced * keep(log.topic, log.partition)) : log.batches.length
      const batches = log.batches.slice(0, count)
      const last = batches.at(-1)
      logs.set(key, { ...log, batches, durable: count, end: last === undefined ? 0 : nextOffset(last, 0) })
    }
    return new MemoryPartitions(logs)
  }

  /** The disk has forgotten what was not flushed, while everything runs on. Answers the partitions that it took something from. */
  lose(topic: string): number[] {
    const lost: number[] = []
    for (const log of this.#logs.values()) {
      if (log.topic !== topic || log.batches.length === log.durable) continue
      log.batches.length = log.durable
      log.end = log.durable === 0 ? 0 : nextOffset(log.batches[log.durable - 1]!, 0)
      lost.push(log.partition)
    }
    return lost
  }

  #log(topic: string, partition: number): Log {
    const log = this.#logs.get(`${topic}-${partition}`)
    if (log === undefined) throw kafkaError('UNKNOWN_TOPIC_OR_PARTITION')
    return log
  }

  isWritable(): boolean {
    return this.writable
  }

  report(): void {}

  append(topic: string, partition: number, batch: Buffer): number {
    const log = this.#log(topic, partition)
    if (this.failAppends > 0) {
      this.failAppends--
      throw kafkaError('KAFKA_STORAGE_ERROR')
    }
    if (isTransactional(batch, 0) && !isControl(batch, 0)) this.#checkEpoch(log, producerId(batch, 0), producerEpoch(batch, 0))
    const copy = Buffer.from(batch)
    setBaseOffset(copy, 0, log.end)
    log.batches.push(copy)
    const base = log.end
    log.end = nextOffset(copy, 0)
    return base
  }

  /** As a real log does: an epoch lower than the newest one seen is fenced. */
  #checkEpoch(log: Log, producer: number, epoch: number): void {
    const newest = log.batches.filter((batch) => producerId(batch, 0) === producer).map((batch) => producerEpoch(batch, 0))
    if (newest.some((seen) => seen > epoch)) throw kafkaError('INVALID_PRODUCER_EPOCH')
  }

  appendMarker(topic: string, partition: number, controlBatch: Buffer): void {
    this.append(topic, partition, controlBatch)
  }

  async flush(topic: string, partition: number): Promise<void> {
    const log = this.#log(topic, partition)
    const count = log.batches.length
    await new Promise((resolve) => setImmediate(resolve))
    if (this.failFlushes > 0) {
      this.failFlushes--
      throw kafkaError('KAFKA_STORAGE_ERROR')
    }
    this.flushes++
    log.durable = Math.max(log.durable, count)
  }

  read(topic: string, partition: number, offset: number, maxBytes: number): Buffer {
    const out: Buffer[] = []
    let bytes = 0
    for (const batch of this.#log(topic, partition).batches) {
      if (nextOffset(batch, 0) <= offset) continue
      if (out.length > 0 && bytes + sizeInBytes(batch, 0) > maxBytes) break
      out.push(batch)
      bytes += batch.length
    }
    return Buffer.concat(out)
  }

  startOffset(): number {
    return 0
  }

  endOffset(topic: string, partition: number): number {
    return this.#log(topic, partition).end
  }

  async ensureTopic(name: string, partitions: number): Promise<void> {
    if (!this.exists(name, 0)) this.create(name, partitions)
  }

  exists(topic: string, partition: number): boolean {
    return this.#logs.has(`${topic}-${partition}`)
  }

  *partitions(): Generator<TopicPartition> {
    for (const { topic, partition } of this.#logs.values()) yield { topic, partition }
  }

  ongoing(topic: string, partition: number): readonly OngoingTransaction[] {
    const open = new Map<number, number>()
    for (const batch of this.#log(topic, partition).batches) {
      if (!isTransactional(batch, 0)) continue
      if (isControl(batch, 0)) open.delete(producerId(batch, 0))
      else open.set(producerId(batch, 0), producerEpoch(batch, 0))
    }
    return [...open].map(([id, epoch]) => ({ producerId: id, producerEpoch: epoch }))
  }

  /** Appends a record of a transaction, as Produce would. */
  produce(topic: string, partition: number, producer: { producerId: number; epoch: number }, value: string): void {
    const builder = new BatchBuilder()
    builder.append(0, null, Buffer.from(value))
    this.append(topic, partition, builder.build({ producerId: producer.producerId, producerEpoch: producer.epoch, transactional: true }))
  }

  /** The fate of every transactional value of a partition, in order. */
  fates(topic: string, partition: number): { value: string; fate: 'committed' | 'aborted' | 'open' }[] {
    const values: { value: string; producer: number; fate: 'committed' | 'aborted' | 'open' }[] = []
    for (const batch of this.#log(topic, partition).batches) {
      const columns = decodeBatch(batch, 0)
      const producer = producerId(batch, 0)
      if (isControl(batch, 0)) {
        const fate = readControl(columns) === 'commit' ? 'committed' : 'aborted'
        for (const value of values) if (value.producer === producer && value.fate === 'open') value.fate = fate
      } else {
        values.push({ value: columns.value(0)!.toString(), producer, fate: 'open' })
      }
    }
    return values.map(({ value, fate }) => ({ value, fate }))
  }
}
