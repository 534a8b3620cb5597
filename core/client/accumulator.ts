import type { Timer } from '../base/clock.ts'
import { MoldauError } from '../base/errors.ts'
import { BatchBuilder, checkTimestamp, recordSizeMax } from '../record/builder.ts'
import { BATCH_OVERHEAD } from '../record/batch.ts'
import type { Header } from '../record/header.ts'
import { allWritten, FlushGroup } from './flush-group.ts'
import type { AccumulatorOptions } from './accumulator-options.ts'
import type { BatchContent } from './batch-content.ts'
import type { BufferUse } from './metrics/producer-stats.ts'
import { PartitionQueue } from './partition-queue.ts'
import { PendingBatch } from './pending-batch.ts'

/** Builders that wait for another batch: their memory is kept. */
const SPARE_BUILDERS_MAX = 32
const noHeaders: readonly Header[] = []

/** What has been appended and is not acknowledged: a queue of batches per partition. */
export class Accumulator {
  /** Queues with something to send. */
  readonly ready: Set<PartitionQueue>
  readonly #options: AccumulatorOptions
  readonly #topics: Map<string, PartitionQueue[]>
  readonly #open: Set<PartitionQueue>
  readonly #outstanding: Set<PendingBatch>
  #spare: BatchBuilder[]
  #group: FlushGroup
  #groups: FlushGroup[]
  #transaction: number
  #bufferedBytes: number
  #linger: Timer | undefined
  #waiting: (() => void)[]
  #lastTopic: string
  #lastQueues: PartitionQueue[]

  constructor(options: AccumulatorOptions) {
    this.ready = new Set()
    this.#options = options
    this.#topics = new Map()
    this.#open = new Set()
    this.#outstanding = new Set()
    this.#spare = []
    this.#group = new FlushGroup()
    this.#groups = [this.#group]
    this.#transaction = 0
    this.#bufferedBytes = 0
    this.#linger = undefined
    this.#waiting = []
    this.#lastTopic = ''
    this.#lastQueues = []
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  get full(): boolean {
    return this.#bufferedBytes >= this.#options.bufferMemory
  }

  /** The transaction that is appended to. */
  get transaction(): number {
    return this.#transaction
  }

  /** What of the buffer is in use, and how many callers wait for room. */
  get use(): BufferUse {
    return { totalBytes: this.#options.bufferMemory, usedBytes: this.#bufferedBytes, waiting: this.#waiting.length }
  }

  get outstanding(): ReadonlySet<PendingBatch> {
    return this.#outstanding
  }

  /** Resolves when there is room. */
  whenRoom(): Promise<void> {
    if (!this.full) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** @throws MoldauError RECORD_TOO_LARGE, BUFFER_FULL (twice the bound: the caller does not wait) */
  append(
    topic: string,
    partition: number,
    key: Buffer | null,
    value: Buffer | null,
    timestamp: number,
    headers: readonly Header[] = noHeaders,
  ): PendingBatch<BatchBuilder> {
    const queue = this.#queue(topic, partition)
    const size = recordSizeMax(key === null ? 0 : key.length, value === null ? 0 : value.length, headers)
    let batch = queue.open
    if (batch === undefined || batch.content.sizeInBytes + size > this.#options.batchSize) batch = this.#begin(queue, size, timestamp)
    const builder = batch.content
    const before = builder.sizeInBytes
    builder.append(timestamp, key, value, headers)
    const grown = builder.sizeInBytes - before
    batch.bytes += grown
    this.#bufferedBytes += grown
    return batch
  }

  /** Puts a whole batch behind everything of its partition. @throws MoldauError RECORD_TOO_LARGE, BUFFER_FULL */
  add(topic: string, partition: number, content: BatchContent, bytes: number): PendingBatch {
    const queue = this.#queue(topic, partition)
    this.#checkRoom(queue, 'a batch', bytes)
    const batch = this.#track(queue, content, bytes)
    this.#open.delete(queue)
    queue.add(batch)
    this.ready.add(queue)
    this.#options.wake()
    return batch
  }

  /** Puts others in the place of a batch that came back. */
  replace(batch: PendingBatch, parts: readonly PendingBatch[]): void {
    this.#outstanding.delete(batch)
    this.#bufferedBytes -= batch.bytes
    for (const part of parts) {
      this.#outstanding.add(part)
      this.#bufferedBytes += part.bytes
    }
    for (let n = 1; n < parts.length; n++) batch.group.added()
    batch.queue.replace(batch, parts)
    this.ready.add(batch.queue)
  }

  /** Batches of a partition that have yet to go. */
  waiting(topic: string, partition: number): number {
    return this.#topics.get(topic)?.[partition]?.waiting ?? 0
  }

  /** Makes everything appended so far ready, in a group of its own; returns the groups that are not done. */
  flush(): FlushGroup[] {
    for (const queue of this.#open) this.#seal(queue)
    this.#open.clear()
    this.#groups = this.#groups.filter((group) => group.pending > 0)
    const groups = [...this.#groups]
    this.#group = new FlushGroup()
    this.#groups.push(this.#group)
    return groups
  }

  /** Sends everything appended so far. Resolves when it is acknowledged; rejects with the first failure among it. */
  flushed(): Promise<void> {
    const groups = this.flush()
    this.#options.wake()
    return allWritten(groups)
  }

  /** As {@link Accumulator.flush}; what is appended from now on belongs to the next transaction. */
  nextTransaction(): FlushGroup[] {
    this.#transaction++
    return this.flush()
  }

  /** The end of a batch, well or not: gives its memory back. @param firstOffset -1 when it is not known */
  release(batch: PendingBatch, firstOffset: number, error?: Error): void {
    const { topic, partition } = batch.queue
    this.#options.settled?.({ topic, partition, count: batch.content.count, firstOffset, ...(error !== undefined && { error }) })
    if (error !== undefined) this.#options.onFailed(batch, error)
    this.#bufferedBytes -= batch.bytes
    this.#outstanding.delete(batch)
    if (batch.reusable && batch.content instanceof BatchBuilder && this.#spare.length < SPARE_BUILDERS_MAX) {
      batch.content.reset()
      this.#spare.push(batch.content)
    }
    if (this.full) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }

  /** Fails all batches that are not under way and fit `which`. */
  fail(which: (batch: PendingBatch) => boolean, error: (batch: PendingBatch) => Error): PendingBatch[] {
    const failed: PendingBatch[] = []
    const queues = new Set([...this.#outstanding].filter(which).map((batch) => batch.queue))
    for (const queue of queues) {
      const gone = queue.remove(which)
      if (queue.open === undefined) this.#open.delete(queue)
      if (queue.idle) this.ready.delete(queue)
      failed.push(...gone)
    }
    for (const batch of failed) {
      const reason = error(batch)
      this.release(batch, -1, reason)
      batch.reject(reason)
    }
    return failed
  }

  /** Fails everything that is not under way, with this error. */
  close(error: Error): void {
    this.fail(
      () => true,
      () => error,
    )
    this.#linger?.cancel()
    this.#linger = undefined
  }

  #queue(topic: string, partition: number): PartitionQueue {
    if (topic !== this.#lastTopic) {
      let queues = this.#topics.get(topic)
      if (queues === undefined) {
        queues = []
        this.#topics.set(topic, queues)
      }
      this.#lastTopic = topic
      this.#lastQueues = queues
    }
    let queue = this.#lastQueues[partition]
    if (queue === undefined) {
      this.#options.check(topic, partition)
      queue = new PartitionQueue(topic, partition)
      this.#lastQueues[partition] = queue
    }
    return queue
  }

  #begin(queue: PartitionQueue, size: number, timestamp: number): PendingBatch<BatchBuilder> {
    const { batchSize, compressionType, compressionLevel } = this.#options
    // Of all that a record can be refused for: a batch that has begun would go without any.
    checkTimestamp(timestamp)
    this.#checkRoom(queue, 'a record', size + BATCH_OVERHEAD)
    if (queue.open !== undefined) {
      this.#seal(queue)
      this.#open.delete(queue)
      this.#options.wake()
    }
    const builder =
      this.#spare.pop() ??
      new BatchBuilder({
        compression: compressionType,
        compressionLevel,
        sizeHint: Math.min(Math.max(size + BATCH_OVERHEAD, Math.min(batchSize, 65_536)), 1 << 20),
      })
    const batch = this.#track(queue, builder, BATCH_OVERHEAD)
    queue.open = batch
    this.#open.add(queue)
    this.#startLinger()
    return batch
  }

  #track<Content extends BatchContent>(queue: PartitionQueue, content: Content, bytes: number): PendingBatch<Content> {
    const batch = new PendingBatch(queue, content, this.#group, this.#transaction, this.#options.clock.monotonic(), queue.order())
    batch.bytes = bytes
    this.#bufferedBytes += bytes
    this.#group.added()
    this.#outstanding.add(batch)
    return batch
  }

  #checkRoom(queue: PartitionQueue, what: string, bytes: number): void {
    const { maxRequestSize, bufferMemory } = this.#options
    if (!(bytes <= maxRequestSize)) {
      const message = `${what} of ${bytes} bytes for ${queue.topic}-${queue.partition} is larger than a request may be: raise maxRequestSize (${maxRequestSize}) and the topic's max.message.bytes`
      throw new MoldauError('RECORD_TOO_LARGE', message)
    }
    if (this.#bufferedBytes >= 2 * bufferMemory) {
      const message = `${this.#bufferedBytes} bytes wait for acknowledgement, twice bufferMemory (${bufferMemory}): await producer.ready() between appends`
      throw new MoldauError('BUFFER_FULL', message, { retriable: true })
    }
  }

  #seal(queue: PartitionQueue): void {
    queue.seal()
    this.ready.add(queue)
  }

  #startLinger(): void {
    const { lingerMs, clock, wake } = this.#options
    if (lingerMs === 0) {
      wake()
      return
    }
    this.#linger ??= clock.after(lingerMs, () => this.#lingered())
  }

  /** Seals what has waited long enough. Called with lingerMs 0 by the sender itself: what came in one turn goes together. */
  sealLingered(): void {
    const { lingerMs, clock } = this.#options
    const due = clock.monotonic() - lingerMs
    for (const queue of this.#open) {
      if (queue.open !== undefined && queue.open.createdAt > due) continue
      this.#open.delete(queue)
      this.#seal(queue)
    }
  }

  #lingered(): void {
    const { lingerMs, clock, wake } = this.#options
    this.#linger = undefined
    this.sealLingered()
    const first = this.#open.values().next().value
    if (first?.open !== undefined) {
      const left = Math.max(1, first.open.createdAt + lingerMs - clock.monotonic())
      this.#linger = clock.after(left, () => this.#lingered())
    }
    wake()
  }
}
