import { AgeClock } from '../base/age-clock.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { KafkaError, kafkaError, type KafkaErrorName } from '../protocol/errors.ts'
import type { Caller, Lane } from './callers.ts'
import { type TransactionCoordinatorConfig, transactionDefaults } from './coordinator-config.ts'
import { TRANSACTIONS_TOPIC } from './coordinator-log.ts'
import type { GroupCoordinator } from './group-coordinator.ts'
import { type Moment, momentOf } from './moment.ts'
import { InternalTopic } from './internal-topic.ts'
import type { PartitionWriter, TopicPartition } from './partition-writer.ts'
import { ProducerIds, type ProducerIdStore } from './producer-ids.ts'
import { Shards } from './shards.ts'
import { addPartitions, checkProducer, hasPartitions, initProducer, type ProducerIdentity } from './transaction.ts'
import { decideEnd, prepareEnd } from './transaction-end.ts'
import { TransactionEnding } from './transaction-ending.ts'
import { expireIds } from './transaction-expiry.ts'
import { TransactionMarkers } from './transaction-markers.ts'
import { TransactionRecovery } from './transaction-recovery.ts'
import { TransactionShard, transactionsOf } from './transaction-shard.ts'
import { newTransaction, type Transaction, type TransactionVersion } from './transaction-state.ts'
import { TransactionTimeouts } from './transaction-timeouts.ts'

export interface TransactionCoordinatorOptions {
  readonly writer: PartitionWriter
  readonly clock: Clock
  readonly groups: GroupCoordinator
  readonly producerIdStore: ProducerIdStore
  readonly config?: Partial<TransactionCoordinatorConfig>
  /**
   * True when the machine went down without a clean stop, so that data acknowledged inside open transactions may be gone although later data is
   * not. Such a transaction can only be aborted (TRANSACTION_ABORTABLE). A killed process loses nothing: the page cache stays.
   */
  readonly unsyncedLost?: boolean
  /** Told when a transactional id changes its state. */
  readonly onChange?: (transactionalId: string) => void
}

export interface ProducerAnswer extends ProducerIdentity {
  readonly error: KafkaErrorName
}

const failed = (error: KafkaErrorName): ProducerAnswer => ({ error, producerId: -1, epoch: -1 })

/** How often InitProducerId looks again after waiting for a transaction to end, before the client is told to come back. */
const INIT_ATTEMPTS_MAX = 10

/**
 * The transaction coordinator of this broker: transactional ids, their producer ids and epochs, and the two steps that end a transaction in all its
 * partitions at once (KIP-98, KIP-890). Requests that it cannot serve now throw KafkaError.
 */
export class TransactionCoordinator {
  readonly producerIds: ProducerIds
  readonly #clock: Clock
  /** For ids that go when they are old. */
  readonly #age: AgeClock
  readonly #config: TransactionCoordinatorConfig
  readonly #shards: Shards<TransactionShard>
  readonly #ending: TransactionEnding
  readonly #timeouts: TransactionTimeouts
  readonly #recovery: TransactionRecovery
  readonly #topic: InternalTopic
  #expiry: Timer | undefined

  constructor(options: TransactionCoordinatorOptions) {
    this.producerIds = new ProducerIds(options.producerIdStore)
    this.#clock = options.clock
    this.#age = new AgeClock(options.clock)
    this.#config = { ...transactionDefaults, ...options.config }
    const { clock, writer, groups, onChange, unsyncedLost = false } = options
    const { transactionStateLogNumPartitions: partitions } = this.#config
    const shards = new Shards(partitions, (partition) => new TransactionShard(partition, writer, onChange))
    const markers = new TransactionMarkers(writer, groups)
    const onRead = (): void => this.#timeouts.schedule()
    const ending = new TransactionEnding({ clock, markers, onReload: onRead })
    this.#shards = shards
    this.#ending = ending
    this.#timeouts = new TransactionTimeouts({ clock, shards, ending })
    this.#recovery = new TransactionRecovery({ clock, shards, markers, ending, unsyncedLost, onRead })
    this.#topic = new InternalTopic({ writer, name: TRANSACTIONS_TOPIC, partitions, load: () => this.#recovery.load() })
    this.#expiry = undefined
  }

  /** Reads all transactions and completes those whose fate was decided. Call when the group coordinator has loaded. */
  async load(): Promise<void> {
    await this.#topic.load()
    this.#scheduleExpiry()
  }

  /** Sees to it that __transaction_state exists: called when somebody first looks for a coordinator. */
  prepare(): Promise<void> {
    return this.#topic.prepare()
  }

  close(): void {
    this.#timeouts.close()
    this.#expiry?.cancel()
    this.#ending.close()
    this.#shards.close()
  }

  #now(): Moment {
    return momentOf(this.#clock)
  }

  #find(id: string): { shard: TransactionShard; txn: Transaction | undefined } {
    const shard = this.#shards.serving(id)
    return { shard, txn: shard.transactions.get(id) }
  }

  /**
   * InitProducerId. A transaction that the previous instance left open is aborted first; the caller waits for that instead of being sent away
   * with CONCURRENT_TRANSACTIONS. `expected` is what the client believes to have (KIP-360), null for a new instance.
   */
  async initProducerId(id: string | null, timeoutMs: number, expected: ProducerIdentity | null): Promise<ProducerAnswer> {
    if (id === null) return { error: 'NONE', producerId: await this.producerIds.next(), epoch: 0 }
    if (id === '') return failed('INVALID_REQUEST')
    if (timeoutMs <= 0 || timeoutMs > this.#config.transactionMaxTimeoutMs) return failed('INVALID_TRANSACTION_TIMEOUT')
    await this.prepare()
    let fresh: number | null = null
    for (let attempt = 0; attempt < INIT_ATTEMPTS_MAX; attempt++) {
      await this.#ending.settled(id)
      const { shard, txn } = this.#find(id)
      shard.checkWritable()
      if (txn === undefined) {
        const producerId = await this.producerIds.next()
        this.#begin(shard, id, producerId, timeoutMs)
        continue
      }
      const decision = initProducer(txn, timeoutMs, expected, fresh, this.#now())
      if (decision.kind === 'refuse') return failed(decision.error)
      if (decision.kind === 'needs-producer-id') fresh = await this.producerIds.next()
      else if (decision.kind === 'abort-first') await this.#ending.abort(shard, txn, expected?.epoch ?? -1)
      else {
        const answer: ProducerAnswer = { error: 'NONE', producerId: txn.producerId, epoch: txn.epoch }
        if (decision.kind === 'write') this.#ending.write(shard, txn)
        await this.#ending.flushed(shard)
        return answer
      }
    }
    return failed('CONCURRENT_TRANSACTIONS')
  }

  #begin(shard: TransactionShard, id: string, producerId: number, timeoutMs: number): void {
    if (shard.transactions.has(id)) return
    let count = 0
    for (const { transactions } of this.#shards) count += transactions.size
    if (count >= this.#config.transactionalIdsMax) throw kafkaError('COORDINATOR_NOT_AVAILABLE', `${count} transactional ids are the limit`)
    shard.transactions.set(id, newTransaction(id, producerId, timeoutMs, this.#now()))
  }

  /** AddPartitionsToTxn and AddOffsetsToTxn of transactions v1. NOT_COORDINATOR to a request that its client has given up, see {@link Callers}. */
  async addPartitions(
    id: string,
    producer: ProducerIdentity,
    partitions: readonly TopicPartition[],
    caller?: Caller,
  ): Promise<KafkaErrorName> {
    if (id === '') return 'INVALID_REQUEST'
    await this.#ending.settled(id)
    return this.isLate(id, producer, 'transaction', caller) ? 'NOT_COORDINATOR' : this.#add(id, producer, partitions, 0)
  }

  /** Whether a request of transactions v1 comes over a connection that its client has left for another. */
  isLate(id: string, { producerId, epoch }: ProducerIdentity, lane: Lane, caller: Caller | undefined): boolean {
    const txn = this.#find(id).txn
    // Who is fenced is told so, however late.
    return txn?.producerId === producerId && txn.epoch === epoch && caller !== undefined && txn.callers.isLate(lane, caller)
  }

  #add(id: string, producer: ProducerIdentity, partitions: readonly TopicPartition[], version: TransactionVersion): KafkaErrorName {
    const { shard, txn } = this.#find(id)
    const error = txn === undefined ? 'INVALID_PRODUCER_ID_MAPPING' : checkProducer(txn, producer)
    if (txn === undefined || error !== 'NONE' || !hasPartitions(txn, partitions)) shard.checkWritable()
    if (txn === undefined || error !== 'NONE') return error
    if (addPartitions(txn, partitions, version, this.#now())) {
      this.#ending.write(shard, txn)
      this.#timeouts.schedule(txn)
    }
    return 'NONE'
  }

  /**
   * Called by Produce and TxnOffsetCommit in the same tick as the append: may this producer write into these partitions inside its transaction?
   * `add` (Produce v12+, TxnOffsetCommit v5+: transactions v2) makes them part of it; otherwise they must be part of it already, or
   * TRANSACTION_ABORTABLE is answered. A producer that was replaced is told INVALID_PRODUCER_EPOCH, which these calls have known longest.
   */
  verifyOrAdd(id: string, producerId: number, producerEpoch: number, partitions: readonly TopicPartition[], add: boolean): KafkaErrorName {
    try {
      const producer = { producerId, epoch: producerEpoch }
      const error = add ? this.#add(id, producer, partitions, 2) : this.#verify(id, producer, partitions)
      return error === 'PRODUCER_FENCED' ? 'INVALID_PRODUCER_EPOCH' : error
    } catch (error) {
      if (error instanceof KafkaError) return error.kafkaCode
      throw error
    }
  }

  #verify(id: string, producer: ProducerIdentity, partitions: readonly TopicPartition[]): KafkaErrorName {
    const { txn } = this.#find(id)
    if (txn === undefined) return 'INVALID_PRODUCER_ID_MAPPING'
    const error = checkProducer(txn, producer)
    // A client of v1 adds partitions only when the transaction before is over: what comes while that ends belongs to the past.
    if (error === 'CONCURRENT_TRANSACTIONS') return 'TRANSACTION_ABORTABLE'
    return error !== 'NONE' || hasPartitions(txn, partitions) ? error : 'TRANSACTION_ABORTABLE'
  }

  /** EndTxn. The answer comes when the decision is durable and the markers are written. */
  async end(
    id: string,
    producer: ProducerIdentity,
    commit: boolean,
    version: TransactionVersion,
    caller?: Caller,
  ): Promise<ProducerAnswer> {
    if (id === '') return failed('INVALID_REQUEST')
    if (version === 0) await this.#ending.settled(id)
    if (version === 0 && this.isLate(id, producer, 'transaction', caller)) return failed('NOT_COORDINATOR')
    let fresh: number | null = null
    for (;;) {
      const { shard, txn } = this.#find(id)
      // Before anything is refused: what a failing disk has made of the state may be put right when it is healed.
      shard.checkWritable()
      if (txn === undefined) return failed('INVALID_PRODUCER_ID_MAPPING')
      const decision = decideEnd(txn, producer, commit, version, fresh)
      if (decision.kind === 'refuse') return failed(decision.error)
      if (decision.kind === 'repeat') return { error: 'NONE', producerId: txn.producerId, epoch: txn.epoch }
      if (decision.kind === 'needs-producer-id') {
        fresh = await this.producerIds.next()
        continue
      }
      const prepare = (): void => prepareEnd(txn, commit, version, fresh, this.#now())
      try {
        await this.#ending.finish(shard, txn, prepare, commit)
      } catch (error) {
        if (error instanceof KafkaError && error.kafkaCode === 'TRANSACTION_ABORTABLE') return failed('TRANSACTION_ABORTABLE')
        throw error
      }
      const rotates = txn.nextProducerId >= 0
      return { error: 'NONE', producerId: rotates ? txn.nextProducerId : txn.producerId, epoch: rotates ? 0 : txn.epoch }
    }
  }

  #scheduleExpiry(): void {
    this.#expiry = this.#clock.after(this.#config.transactionRemoveExpiredIntervalMs, () => {
      expireIds(this.#shards, this.#age.now() - this.#config.transactionalIdExpirationMs, this.#now())
      this.#scheduleExpiry()
    })
  }

  /**
   * A partition has lost records that were never synced, though perhaps acknowledged inside a transaction: such a transaction can only be
   * aborted. Lost states of transactions are read from the logs again. See {@link TransactionCoordinator.settleLost}.
   */
  recordsLost(topic: string, partition: number): void {
    this.#recovery.recordsLost(topic, partition)
  }

  /** A partition that has lost records takes appends again: markers that were among them are written again, before a cleaner or a client is faster. */
  settleLost(place: TopicPartition): void {
    this.#recovery.settleLost(place)
  }

  /** DescribeTransactions; undefined when the id is unknown. */
  describe(id: string): Readonly<Transaction> | undefined {
    return this.#find(id).txn
  }

  /** ListTransactions. */
  list(): readonly Readonly<Transaction>[] {
    return [...transactionsOf(this.#shards)].filter((txn) => txn.epoch >= 0)
  }
}
