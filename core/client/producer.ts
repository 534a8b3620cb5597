import { MoldauError } from '../base/errors.ts'
import type { EventHub } from '../base/event-hub.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { groupMetadata, positions, rawBatch, timeout, topicName } from './arguments.ts'
import { Accumulator } from './accumulator.ts'
import { check } from './checks.ts'
import { DeferredSends } from './deferred-sends.ts'
import { CLOSE_TIMEOUT_MS, within } from './farewell.ts'
import { ProducerInterceptors } from './interceptors.ts'
import { acksCodes, compressionLevelOf } from './producer-options.ts'
import { readProducerOptions, type ReadProducerOptions } from './read-producer-options.ts'
import type { ProducerOptions } from './producer-options.ts'
import type { ProducerEvents } from './client-events.ts'
import { ProducerView } from './producer-view.ts'
import type { ProducerMetricName } from './metrics/producer-stats.ts'
import type { MetricsSnapshot } from './metrics/snapshot.ts'
import { Anonymous, Idempotence } from './producer-identity.ts'
import type { ProducerIdentity } from './producer-identity.ts'
import type { RawBatch } from './raw-batch.ts'
import { keyBytes } from './record-bytes.ts'
import { RecordWriter } from './record-writer.ts'
import { RawSend } from './raw-send.ts'
import { Sender } from './sender.ts'
import { toldByCommit } from './told-by-commit.ts'
import { TopicPartitions } from './topic-partitions.ts'
import { TransactionScope } from './transaction-scope.ts'
import { Transactions } from './transactions.ts'
import type { GroupMetadata, NewHeader, OffsetToCommit, ProducerBatch, ProducerRecord, RecordMetadata, WrittenRange } from './types.ts'

/**
 * Writes records. Idempotent by default: a resend after a lost connection neither doubles nor reorders.
 *
 * ```ts
 * const producer = client.producer()
 * const { partition, offset } = await producer.send({ topic: 'flights', key: 'PRG', value: 'departed' })
 * ```
 */
export class Producer {
  /** What goes wrong, and the end: for those who show it. */
  readonly events: EventHub<ProducerEvents>
  readonly #cluster: Cluster
  readonly #view: ProducerView
  readonly #options: ReadProducerOptions
  readonly #accumulator: Accumulator
  readonly #sender: Sender
  readonly #identity: ProducerIdentity
  readonly #scope: TransactionScope | undefined
  readonly #transactions: Transactions | undefined
  readonly #partitions: TopicPartitions
  readonly #deferred: DeferredSends
  readonly #records: RecordWriter
  readonly #onClosed: () => void
  #closed: boolean

  /** Made by {@link Client.producer}. */
  constructor(cluster: Cluster, given: ProducerOptions, name = 'producer', onClosed: () => void = () => {}) {
    const options = readProducerOptions(given)
    this.#cluster = cluster
    const view = new ProducerView(cluster.clock, name)
    const { connections: watcher } = view.stats
    this.#view = view
    this.events = view.events
    this.#options = options
    const interceptors = options.interceptors.length === 0 ? undefined : new ProducerInterceptors(options.interceptors, cluster.logger)
    const wake = (): void => this.#sender.wake()
    this.#accumulator = new Accumulator({
      ...options,
      compressionLevel: compressionLevelOf(options),
      clock: cluster.clock,
      wake,
      settled: interceptors === undefined ? undefined : (batch) => interceptors.acknowledged(batch),
      onFailed: (batch, error) => view.failed(batch, error),
      check: (topic, partition) => this.#partitions.check(topic, partition),
    })
    const { transactionalId } = options
    this.#transactions =
      transactionalId === undefined ? undefined : new Transactions({ ...options, cluster, watcher, transactionalId, wake })
    this.#identity =
      this.#transactions ?? (options.enableIdempotence ? new Idempotence(cluster, options.deliveryTimeoutMs) : new Anonymous())
    this.#sender = new Sender({
      ...options,
      cluster,
      accumulator: this.#accumulator,
      identity: this.#identity,
      acks: acksCodes[options.acks],
      stats: view.stats,
    })
    this.#scope = this.#transactions === undefined ? undefined : new TransactionScope(this.#transactions, this.#accumulator, wake)
    this.#partitions = new TopicPartitions({
      ...options,
      cluster,
      waiting: (topic, partition) => this.#accumulator.waiting(topic, partition),
      isStalled: (node) => this.#sender.isStalled(node),
    })
    this.#deferred = new DeferredSends({
      clock: cluster.clock,
      maxBlockMs: options.maxBlockMs,
      bufferMemory: options.bufferMemory,
      topic: (name) => cluster.topic(name),
      room: () => this.#accumulator.whenRoom(),
      ready: (topic) => !this.#accumulator.full && this.#partitions.isKnown(topic),
      failed: (error) => this.#scope?.failed(error) ?? error,
    })
    this.#records = new RecordWriter({
      clock: cluster.clock,
      accumulator: this.#accumulator,
      partitions: this.#partitions,
      deferred: this.#deferred,
      interceptors,
      maxRequestSize: options.maxRequestSize,
    })
    this.#onClosed = onClosed
    this.#closed = false
  }

  /** Gets the producer id; with a transactional id also fences whoever had it before. Happens by itself at the first use. */
  async init(): Promise<void> {
    this.#refuseWhenClosed()
    await this.#view.timed('txn-init', this.#identity.prepare())
  }

  /**
   * Writes a record and resolves when it is acknowledged, with its place. Calls in one turn share a batch and a request. Waits while
   * the buffer is full.
   *
   * Within a transaction nobody need wait for it: commit() tells of what failed.
   *
   * @throws MoldauError INVALID_ARGUMENT, UNKNOWN_TOPIC, RECORD_TOO_LARGE, BUFFER_FULL, TIMEOUT (deliveryTimeoutMs); KafkaError for what the broker says;
   *   TransactionAbortableError in a transaction that has failed, ProducerFatalError when this producer is of no use any more
   */
  send(record: ProducerRecord): Promise<RecordMetadata> {
    return this.#told(this.#send(record))
  }

  #send(record: ProducerRecord): Promise<RecordMetadata> {
    try {
      this.#refuseUnlessOpen()
      return this.#records.send(record)
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  /**
   * Writes many records at once and resolves when all are acknowledged, with the places where they lie one after the other. Where they are
   * columns it costs hardly more than {@link Producer.append}. Waits while the buffer is full.
   *
   * ```ts
   * await producer.sendBatch({ topic: 'flights', keys: origins, values: flights })
   * ```
   *
   * @throws MoldauError RECORD_TOO_LARGE or INVALID_ARGUMENT naming the row: nothing was written then; else as {@link Producer.send}, for
   *   the first record that failed
   */
  sendBatch(batch: ProducerBatch): Promise<WrittenRange[]> {
    return this.#told(this.#sendBatch(batch))
  }

  async #sendBatch(batch: ProducerBatch): Promise<WrittenRange[]> {
    this.#refuseUnlessOpen()
    return this.#records.sendBatch(batch)
  }

  /**
   * Writes a record batch as another log has it, without decoding or compressing it: a batch of {@link Consumer.pollRaw}, or bytes. An
   * idempotent producer puts its own id and sequence into the header; without idempotence the batch arrives byte for byte, with the producer
   * id and sequence that it had where it comes from, and the broker judges it by them. The time is that of the records, or of the log where
   * `message.timestamp.type` of the topic says so. Waits while the buffer is full; calls of one turn share requests.
   *
   * @throws MoldauError RECORD_TOO_LARGE (maxRequestSize, max.message.bytes), CORRUPT_BATCH, INVALID_ARGUMENT for a marker and for a batch
   *   that has lost records to compaction; else as {@link Producer.send}
   */
  sendRaw(topic: string, partition: number, batch: Buffer | RawBatch): Promise<WrittenRange> {
    return this.#told(this.#sendRaw(topic, partition, batch))
  }

  async #sendRaw(topic: string, partition: number, batch: Buffer | RawBatch): Promise<WrittenRange> {
    this.#refuseUnlessOpen()
    check('producer.sendRaw()', 'topic', topic, topicName)
    check('producer.sendRaw()', 'batch', batch, rawBatch)
    return this.#deferred.put(() => new RawSend(this.#accumulator, { topic, partition, batch, ...this.#options })).written
  }

  /**
   * The hot path: encodes a record into the open batch of its partition and returns; no promise. Strings are written as UTF-8. Failures are told by
   * {@link Producer.flush}, or by commit(). The topic must be known: `await producer.partitions(topic)` once, and
   * `await producer.ready()` now and then bounds the memory.
   *
   * @param timestamp milliseconds since 1970
   * @throws MoldauError INVALID_ARGUMENT, RECORD_TOO_LARGE, BUFFER_FULL (twice bufferMemory), UNKNOWN_TOPIC
   */
  append(
    topic: string,
    partition: number,
    key: Buffer | string | null,
    value: Buffer | string | null,
    timestamp: number,
    headers?: readonly NewHeader[],
  ): void {
    if (this.#closed) this.#refuseWhenClosed()
    if (this.#scope !== undefined) this.#scope.requireOpen()
    this.#records.append(topic, partition, key, value, timestamp, headers)
  }

  /** What this producer measures, under Kafka's names. */
  metrics(): MetricsSnapshot<ProducerMetricName> {
    return this.#view.metrics(this.#accumulator.use)
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Bytes appended and not acknowledged. */
  get bufferedBytes(): number {
    return this.#accumulator.bufferedBytes
  }

  /** Resolves when less than `bufferMemory` wait for acknowledgement, and nothing for room. */
  async ready(): Promise<void> {
    this.#refuseWhenClosed()
    if (this.#deferred.empty) return this.#accumulator.whenRoom()
    return this.#deferred.drained().then(() => this.#accumulator.whenRoom())
  }

  /** How many partitions a topic has. Creates the topic where the broker does such things. */
  async partitions(topic: string): Promise<number> {
    this.#refuseWhenClosed()
    check('producer.partitions()', 'topic', topic, topicName)
    return (await this.#cluster.topic(topic)).partitions.length
  }

  /** Where a record belongs: by its key, as in every Kafka client; without one, the partition that is being filled. The topic must be known. */
  partitionFor(topic: string, key: Buffer | string | null): number {
    if (this.#closed) this.#refuseWhenClosed()
    return this.#partitions.choose(topic, keyBytes(topic, key), 0)
  }

  /** Resolves when everything sent or appended so far is acknowledged; rejects with the first failure among it. */
  async flush(): Promise<void> {
    this.#refuseWhenClosed()
    await this.#flush()
  }

  /** Begins a transaction. The one before may still be committing. */
  begin(): void {
    this.#refuseWhenClosed()
    this.#requireTransactions().begin()
  }

  /**
   * Adds positions of a consumer group to the transaction. Concurrent calls are fine.
   *
   * @throws TransactionAbortableError, among others when the group has given the partitions to somebody else (`kafkaCode`); ProducerFatalError
   */
  async sendOffsets(offsets: readonly OffsetToCommit[], group: GroupMetadata): Promise<void> {
    this.#refuseWhenClosed()
    check('producer.sendOffsets()', 'offsets', offsets, positions)
    check('producer.sendOffsets()', 'group (what groupMetadata() of the consumer returns)', group, groupMetadata)
    await this.#view.timed('txn-send-offsets', this.#requireTransactions().sendOffsets(offsets, group))
  }

  /**
   * Makes everything written since begin() visible at once. When it throws, nothing is: {@link Producer.abort}, then begin() again.
   *
   * @throws TransactionAbortableError with the first failure as its cause, ProducerFatalError (FENCED: a newer producer has the id)
   */
  async commit(): Promise<void> {
    this.#refuseWhenClosed()
    if (!this.#deferred.empty) await this.#deferred.drained()
    await this.#view.timed('txn-commit', this.#requireTransactions().commit())
  }

  /** Makes nothing written since begin() visible, ever. @throws ProducerFatalError; after another error it may be called again */
  async abort(): Promise<void> {
    this.#refuseWhenClosed()
    await this.#abort()
  }

  /**
   * Waits for what is under way, then ends. An open transaction is aborted.
   *
   * @param timeoutMs how long to wait, default 10 s; what is not acknowledged then fails with CLOSED
   */
  async close(timeoutMs = CLOSE_TIMEOUT_MS): Promise<void> {
    if (this.#closed) return
    check('producer.close()', 'timeoutMs', timeoutMs, timeout)
    const finish = this.#scope?.isOpen === true ? this.#abort() : this.#flush()
    // Whoever sent the records has the failure already.
    await within(this.#cluster.clock, timeoutMs, finish)
    this.#closed = true
    this.#accumulator.close(new MoldauError('CLOSED', 'the producer was closed before these records were acknowledged'))
    this.#sender.close()
    this.#transactions?.close()
    this.events.emit('closed', {})
    this.#onClosed()
  }

  async #flush(): Promise<void> {
    const written = this.#deferred.drained().then(() => this.#accumulator.flushed())
    await this.#view.timed('flush', written)
  }

  async #abort(): Promise<void> {
    await this.#deferred.drained()
    await this.#view.timed('txn-abort', this.#requireTransactions().abort())
  }

  #told<T>(sent: Promise<T>): Promise<T> {
    return this.#scope?.isOpen === true ? toldByCommit(sent) : sent
  }

  #requireTransactions(): TransactionScope {
    if (this.#scope === undefined) throw new MoldauError('INVALID_ARGUMENT', 'this producer has no transactions: give it a transactionalId')
    return this.#scope
  }

  #refuseUnlessOpen(): void {
    this.#refuseWhenClosed()
    this.#scope?.requireOpen()
  }

  #refuseWhenClosed(): void {
    if (this.#closed || this.#cluster.closed) throw new MoldauError('CLOSED', 'the producer is closed: make another one')
  }
}
