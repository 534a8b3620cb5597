import { MoldauError } from '../base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { recordSizeMax } from '../record/builder.ts'
import type { Header } from '../record/header.ts'
import { Accumulator } from './accumulator.ts'
import { DeferredSends } from './deferred-sends.ts'
import type { Send } from './deferred-sends.ts'
import { ProducerInterceptors } from './interceptors.ts'
import { EventHub } from '../base/event-hub.ts'
import type { ProducerEvents } from './client-events.ts'
import { batchFailure } from './client-events.ts'
import { acksCodes, readProducerOptions } from './producer-options.ts'
import type { ProducerOptions } from './producer-options.ts'
import { ProducerStats } from './metrics/producer-stats.ts'
import type { ProducerMetricName } from './metrics/producer-stats.ts'
import type { MetricsSnapshot } from './metrics/snapshot.ts'
import { partitionOfKey, StickyPartitioner } from './partitioner.ts'
import { Anonymous, Idempotence } from './producer-identity.ts'
import type { ProducerIdentity } from './producer-identity.ts'
import { Sender } from './sender.ts'
import { TransactionScope } from './transaction-scope.ts'
import { Transactions } from './transactions.ts'
import type { GroupMetadata, OffsetToCommit, ProducerRecord, RecordMetadata } from './types.ts'

const CLOSE_TIMEOUT_MS = 10_000

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
  readonly #name: string
  readonly #stats: ProducerStats
  readonly #options: ReturnType<typeof readProducerOptions>
  readonly #accumulator: Accumulator
  readonly #sender: Sender
  readonly #identity: ProducerIdentity
  readonly #scope: TransactionScope | undefined
  readonly #transactions: Transactions | undefined
  readonly #sticky: Map<string, StickyPartitioner>
  readonly #deferred: DeferredSends
  /** Undefined where there are none: append() asks for each record. */
  readonly #interceptors: ProducerInterceptors | undefined
  readonly #onClosed: () => void
  #closed: boolean

  /** Made by {@link Client.producer}. */
  constructor(cluster: Cluster, given: ProducerOptions, name = 'producer', onClosed: () => void = () => {}) {
    const options = readProducerOptions(given)
    this.events = new EventHub()
    this.#cluster = cluster
    this.#name = name
    this.#stats = new ProducerStats(cluster.clock, (batch, error) => this.events.emit('error', batchFailure(batch, error)))
    this.#options = options
    const { interceptors } = options
    this.#interceptors = interceptors.length === 0 ? undefined : new ProducerInterceptors(interceptors, cluster.logger)
    const wake = (): void => this.#sender.wake()
    this.#accumulator = new Accumulator({
      ...options,
      clock: cluster.clock,
      wake,
      settled: this.#interceptors === undefined ? undefined : (batch) => this.#interceptors!.acknowledged(batch),
      onFailed: (batch, error) => this.#stats.failed(batch, error),
      check: (topic, partition) => this.#check(topic, partition),
    })
    const { transactionalId } = options
    this.#transactions = transactionalId === undefined ? undefined : new Transactions({ ...options, cluster, transactionalId, wake })
    this.#identity =
      this.#transactions ?? (options.enableIdempotence ? new Idempotence(cluster, options.deliveryTimeoutMs) : new Anonymous())
    this.#sender = new Sender({
      ...options,
      cluster,
      accumulator: this.#accumulator,
      identity: this.#identity,
      acks: acksCodes[options.acks],
      stats: this.#stats,
    })
    this.#scope = this.#transactions === undefined ? undefined : new TransactionScope(this.#transactions, this.#accumulator, wake)
    this.#sticky = new Map()
    this.#deferred = new DeferredSends({
      clock: cluster.clock,
      maxBlockMs: options.maxBlockMs,
      bufferMemory: options.bufferMemory,
      topic: (name) => cluster.topic(name),
      room: () => this.#accumulator.whenRoom(),
      ready: (topic) => this.#isReady(topic),
      run: (send) => this.#send(send),
    })
    this.#onClosed = onClosed
    this.#closed = false
  }

  /** Gets the producer id; with a transactional id also fences whoever had it before. Happens by itself at the first use. */
  async init(): Promise<void> {
    this.#refuseWhenClosed()
    await this.#identity.prepare()
  }

  /**
   * Writes a record and resolves when it is acknowledged, with its place. Calls in one turn share a batch and a request. Waits while
   * the buffer is full.
   *
   * @throws MoldauError UNKNOWN_TOPIC, RECORD_TOO_LARGE, BUFFER_FULL, TIMEOUT (deliveryTimeoutMs), FENCED; KafkaError for what the broker says
   */
  send(given: ProducerRecord): Promise<RecordMetadata> {
    let record = given
    try {
      this.#refuseWhenClosed()
      this.#scope?.requireOpen()
      if (this.#interceptors !== undefined) record = this.#interceptors.send(given)
    } catch (error) {
      return Promise.reject(error as Error)
    }
    const send: Send = {
      topic: record.topic,
      partition: record.partition,
      key: toBuffer(record.key),
      value: toBuffer(record.value),
      timestamp: record.timestamp ?? this.#cluster.clock.now(),
      headers: record.headers,
    }
    if (this.#deferred.empty && this.#isReady(record.topic)) return this.#send(send)
    return this.#deferred.add(send)
  }

  /**
   * The hot path: encodes a record into the open batch of its partition and returns; no promise. Failures are told by
   * {@link Producer.flush}, or by commit(). The topic must be known: `await producer.partitions(topic)` once, and
   * `await producer.ready()` now and then bounds the memory.
   *
   * @param timestamp milliseconds since 1970
   * @throws MoldauError RECORD_TOO_LARGE, BUFFER_FULL (twice bufferMemory), UNKNOWN_TOPIC
   */
  append(topic: string, partition: number, key: Buffer | null, value: Buffer | null, timestamp: number, headers?: readonly Header[]): void {
    if (this.#closed) this.#refuseWhenClosed()
    if (this.#scope !== undefined) this.#scope.requireOpen()
    if (this.#interceptors === undefined) this.#accumulator.append(topic, partition, key, value, timestamp, headers)
    else this.#appendIntercepted({ topic, partition, key, value, timestamp, ...(headers !== undefined && { headers }) })
  }

  /** What this producer measures, under Kafka's names. */
  metrics(): MetricsSnapshot<ProducerMetricName> {
    const { bufferedBytes: usedBytes, waiting } = this.#accumulator
    return this.#stats.snapshot(this.#name, { totalBytes: this.#options.bufferMemory, usedBytes, waiting })
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Bytes appended and not acknowledged. */
  get bufferedBytes(): number {
    return this.#accumulator.bufferedBytes
  }

  /** Resolves when less than `bufferMemory` wait for acknowledgement. */
  ready(): Promise<void> {
    return this.#accumulator.whenRoom()
  }

  /** How many partitions a topic has. Creates the topic where the broker does such things. */
  async partitions(topic: string): Promise<number> {
    return (await this.#cluster.topic(topic)).partitions.length
  }

  /** Where a record belongs: by its key, as in every Kafka client; without one, the partition that is being filled. The topic must be known. */
  partitionFor(topic: string, key: Buffer | string | null): number {
    return this.#partition(topic, toBuffer(key), 0)
  }

  /** Resolves when everything sent or appended so far is acknowledged; rejects with the first failure among it. */
  async flush(): Promise<void> {
    await this.#deferred.drained()
    const groups = this.#accumulator.flush()
    this.#sender.wake()
    await Promise.all(groups.map((group) => group.whenSettled()))
    const failed = groups.find((group) => group.error !== undefined)
    if (failed !== undefined) throw failed.error
  }

  /** Begins a transaction. The one before may still be committing. */
  begin(): void {
    this.#refuseWhenClosed()
    this.#requireTransactions().begin()
  }

  /** Adds positions of a consumer group to the transaction. Concurrent calls are fine. */
  async sendOffsets(offsets: readonly OffsetToCommit[], group: GroupMetadata): Promise<void> {
    await this.#requireTransactions().sendOffsets(offsets, group)
  }

  /**
   * Makes everything written since begin() visible at once. When it throws, nothing is: {@link Producer.abort}, then begin() again.
   *
   * @throws MoldauError FENCED when a newer producer has the id: this one is of no use any more
   */
  async commit(): Promise<void> {
    if (!this.#deferred.empty) await this.#deferred.drained()
    await this.#requireTransactions().commit()
  }

  /** Makes nothing written since begin() visible, ever. */
  async abort(): Promise<void> {
    await this.#deferred.drained()
    await this.#requireTransactions().abort()
  }

  /**
   * Waits for what is under way, then ends. An open transaction is aborted.
   *
   * @param timeoutMs how long to wait, default 10 s; what is not acknowledged then fails with CLOSED
   */
  async close(timeoutMs = CLOSE_TIMEOUT_MS): Promise<void> {
    if (this.#closed) return
    const finish = this.#scope?.isOpen === true ? this.abort() : this.flush()
    let timer: { cancel(): void } | undefined
    const late = new Promise<void>((resolve) => (timer = this.#cluster.clock.after(timeoutMs, resolve)))
    // Whoever sent the records has the failure already.
    await Promise.race([finish.catch(() => {}), late])
    timer?.cancel()
    this.#closed = true
    const error = new MoldauError('CLOSED', 'the producer was closed before these records were acknowledged')
    this.#accumulator.fail(
      () => true,
      () => error,
    )
    this.#accumulator.close()
    this.#sender.close()
    this.#transactions?.close()
    this.events.emit('closed', {})
    this.#onClosed()
  }

  #send(send: Send): Promise<RecordMetadata> {
    const { topic, key, value, timestamp, headers } = send
    try {
      const partition = send.partition ?? this.#partition(topic, key, recordSizeMax(key?.length ?? 0, value?.length ?? 0, headers))
      return this.#accumulator.append(topic, partition, key, value, timestamp, headers).whenWritten(timestamp)
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  #appendIntercepted(given: ProducerRecord & { partition: number; timestamp: number }): void {
    const record = { ...given, ...this.#interceptors!.send(given) }
    const { topic, partition, timestamp, headers } = record
    this.#accumulator.append(topic, partition, toBuffer(record.key), toBuffer(record.value), timestamp, headers)
  }

  #isReady(topic: string): boolean {
    return !this.#accumulator.full && this.#cluster.image.topics.has(topic)
  }

  #partition(topic: string, key: Buffer | null, bytes: number): number {
    const count = this.#cluster.image.topics.get(topic)?.partitions.length
    if (count === undefined) throw unknownTopic(topic)
    const { partitioner, batchSize } = this.#options
    if (partitioner !== undefined) return partitioner(topic, key, count)
    if (key !== null) return partitionOfKey(key, count)
    let sticky = this.#sticky.get(topic)
    if (sticky === undefined) {
      sticky = new StickyPartitioner(this.#cluster.policy.random, batchSize)
      this.#sticky.set(topic, sticky)
    }
    return sticky.next(count, bytes)
  }

  #check(topic: string, partition: number): void {
    const count = this.#cluster.image.topics.get(topic)?.partitions.length
    if (count === undefined) throw unknownTopic(topic)
    if (!Number.isInteger(partition) || partition < 0 || partition >= count) {
      throw new MoldauError('INVALID_ARGUMENT', `topic '${topic}' has ${count} partitions (0 to ${count - 1}), there is no ${partition}`)
    }
  }

  #requireTransactions(): TransactionScope {
    if (this.#scope === undefined) throw new MoldauError('INVALID_ARGUMENT', 'this producer has no transactions: give it a transactionalId')
    return this.#scope
  }

  #refuseWhenClosed(): void {
    if (this.#closed || this.#cluster.closed) throw new MoldauError('CLOSED', 'the producer is closed: make another one')
  }
}

function unknownTopic(topic: string): MoldauError {
  return new MoldauError('UNKNOWN_TOPIC', `nothing is known of topic '${topic}' yet: await producer.partitions('${topic}') first`)
}

function toBuffer(value: Buffer | string | null | undefined): Buffer | null {
  if (typeof value === 'string') return Buffer.from(value)
  return value ?? null
}
