import { messageOf, MoldauError } from '../base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { BrokerConnection } from '../cluster/connection.ts'
import type { ConnectionsWatcher } from '../cluster/connections-watcher.ts'
import type { Connections } from '../cluster/connections.ts'
import { KafkaError, throwOnError } from '../protocol/errors.ts'
import { EndTxn } from '../protocol/messages/end-txn.ts'
import { InitProducerId } from '../protocol/messages/init-producer-id.ts'
import { Announcements } from './announcements.ts'
import { addOffsets, addPartitions, commitOffsets, type ProducerIds } from './transaction-requests.ts'
import { Joins } from './joins.ts'
import type { PartitionQueue } from './partition-queue.ts'
import type { BatchIdentity, PendingBatch } from './pending-batch.ts'
import { isFatal, ProducerFatalError, TransactionAbortableError } from './producer-errors.ts'
import type { TransactionalCall } from './producer-errors.ts'
import type { Failure, ProducerIdentity } from './producer-identity.ts'
import type { GroupMetadata, OffsetToCommit } from './types.ts'

export interface TransactionsOptions {
  cluster: Cluster
  watcher: ConnectionsWatcher
  transactionalId: string
  transactionTimeoutMs: number
  maxBlockMs: number
  /** Batches may go that could not before. */
  wake: () => void
}

/** Version of InitProducerId above which it is about two-phase commit with others (KIP-939). */
const INIT_VERSION_MAX = 5
/** Protocol versions below those of transactions version 2 (KIP-890). */
const OLD = { produce: 11, endTxn: 4 }

/**
 * The transactions of one producer, in either protocol: version 2 (partitions join by being written to, each end bumps the epoch)
 * where the cluster has finalized it, version 1 (partitions and groups are announced) elsewhere.
 */
export class Transactions implements ProducerIdentity {
  readonly transactionalId: string
  readonly #options: TransactionsOptions
  readonly #connections: Connections
  #version2: boolean
  #producerId: number
  #producerEpoch: number
  #init: Promise<void> | undefined
  /** The transaction whose batches may be sent; -1 when none may. */
  #current: number
  /** Something was written under it: the coordinator has to end it. */
  #started: boolean
  /** Only an abort helps. */
  #failure: Error | undefined
  /** A batch failed that was appended for a transaction whose turn has not come. */
  #early: { transaction: number; error: Error } | undefined
  #fatal: Error | undefined
  /** Version 1: sequences may be off, the epoch has to be raised before the next transaction. */
  #bumpNeeded: boolean
  readonly #announcements: Announcements
  /** Version 2. */
  readonly #joins: Joins
  #closed: boolean

  constructor(options: TransactionsOptions) {
    this.transactionalId = options.transactionalId
    this.#options = options
    this.#connections = options.cluster.connections(options.watcher)
    this.#version2 = false
    this.#producerId = -1
    this.#producerEpoch = -1
    this.#init = undefined
    this.#current = -1
    this.#started = false
    this.#failure = undefined
    this.#early = undefined
    this.#fatal = undefined
    this.#bumpNeeded = false
    this.#announcements = new Announcements({
      clock: options.cluster.clock,
      addPartitions: (queues) => this.#addPartitions(queues),
      addGroup: (groupId) => this.#addGroup(groupId),
      onError: (error) => void this.#note(error, 'partitions'),
      goesOn: () => this.failure === undefined,
      wake: options.wake,
    })
    this.#joins = new Joins(options.wake)
    this.#closed = false
  }

  get joins(): Joins | undefined {
    return this.#version2 ? this.#joins : undefined
  }

  get produceVersionMax(): number {
    return this.#version2 ? Infinity : OLD.produce
  }

  /** Why the transaction can only be aborted: {@link TransactionAbortableError}, or {@link Transactions.fatal}. */
  get failure(): Error | undefined {
    return this.#fatal ?? this.#failure
  }

  /** Why this producer is of no use any more. */
  get fatal(): Error | undefined {
    return this.#fatal
  }

  prepare(): Promise<void> | undefined {
    if (this.#fatal !== undefined) return Promise.reject(this.#fatal)
    if (this.#producerId >= 0) return undefined
    return this.init()
  }

  /** Takes the transactional id over: whoever had it is fenced, what it left open is aborted. */
  init(): Promise<void> {
    if (this.#producerId >= 0) return Promise.resolve()
    // -1 and -1: this producer knows of no id yet. Anything else would ask to go on with an id, and that of another at that.
    this.#init ??= this.#initProducerId(-1, -1).finally(() => (this.#init = undefined))
    return this.#init
  }

  admits(batch: PendingBatch): boolean {
    if (batch.transaction !== this.#current || this.#failure !== undefined || this.#fatal !== undefined) return false
    return this.#version2 || this.#announcements.admits(batch.queue)
  }

  identify(batch: PendingBatch): BatchIdentity {
    this.#started = true
    return batch.queue.identify(batch, this.#producerId, this.#producerEpoch)
  }

  /** Batches of a transaction that cannot commit are not sent; those of the next one wait for its end. */
  rejection(batch: PendingBatch): Error | undefined {
    return this.#fatal ?? (batch.transaction === this.#current ? this.#failure : undefined)
  }

  failed({ transaction }: PendingBatch, error: Error, _how: Failure): Error {
    // Of a transaction that is over: its promises were told.
    if (transaction < this.#current) return error
    if (transaction === this.#current) this.#bumpNeeded = true
    return this.lacks(transaction, error)
  }

  /** Something of this transaction or of the next will not be written, so that it cannot commit. @returns the error that says so */
  lacks(transaction: number, error: Error): Error {
    if (transaction === this.#current) return this.#note(error, 'produce')
    if (this.#early?.transaction !== transaction) this.#early = { transaction, error: this.#abortable(error) }
    return this.#early.error
  }

  outOfOrder(_batch: PendingBatch, error: Error): Error {
    return error
  }

  /** The batches of transaction `number` may go from now on. */
  open(number: number): void {
    this.#current = number
    this.#failure = this.#early?.transaction === number ? this.#early.error : undefined
    this.#early = undefined
    this.#options.wake()
  }

  /** Nothing more of the current transaction is to be sent. */
  giveUp(reason: Error): void {
    this.#failure ??= reason
    this.#options.wake()
  }

  /** Adds positions of a group: they count when the transaction commits, not before. */
  async sendOffsets(offsets: readonly OffsetToCommit[], group: GroupMetadata): Promise<void> {
    await this.init()
    this.#started = true
    try {
      if (!this.#version2) await this.#announcements.group(group.groupId)
      const ids = this.#ids()
      const call = { what: `commit offsets of group '${group.groupId}' in a transaction`, ...this.#limits() }
      const commit = (): Promise<void> =>
        this.#options.cluster.coordinators.run('group', group.groupId, this.#connections, call, (connection) =>
          commitOffsets(connection, ids, offsets, group, this.#version2),
        )
      await (this.#version2 ? this.#joins.alone(commit) : commit())
    } catch (error) {
      throw this.#note(error, 'offsets')
    }
  }

  /** Ends the transaction. A commit or abort whose answer is lost is asked for again until it is known. */
  async end(commit: boolean): Promise<void> {
    if (this.#fatal !== undefined) throw this.#fatal
    await this.#announcements.settled()
    if (this.#started) {
      try {
        await this.#endTxn(commit)
      } catch (error) {
        // Nothing of it had reached the coordinator: there is nothing to abort, and a new epoch shuts out what may still arrive.
        if (!(error instanceof TransactionAbortableError) || error.kafkaCode !== 'INVALID_TXN_STATE') throw error
        await this.#initProducerId(this.#producerId, this.#producerEpoch)
        this.#bumpNeeded = false
      }
    }
    if (!commit && this.#bumpNeeded && !this.#version2) await this.#initProducerId(this.#producerId, this.#producerEpoch)
    this.#reset()
  }

  close(): void {
    this.#closed = true
    this.#options.cluster.release(this.#connections)
  }

  #reset(): void {
    this.#current = -1
    this.#started = false
    this.#failure = undefined
    this.#bumpNeeded = false
    this.#announcements.reset()
    this.#joins.reset()
  }

  async #endTxn(committed: boolean): Promise<void> {
    const ids = this.#ids()
    const what = `${committed ? 'commit' : 'abort'} the transaction of '${this.transactionalId}'`
    const maxVersion = this.#version2 ? Infinity : OLD.endTxn
    try {
      const answer = await this.#transact({ what, timeoutMs: Infinity }, async (connection) => {
        const response = await connection.request(EndTxn, { ...ids, committed }, { maxVersion })
        throwOnError(response.errorCode, what)
        return response
      })
      if (answer.producerId >= 0) {
        this.#producerId = answer.producerId
        this.#producerEpoch = answer.producerEpoch
      }
    } catch (error) {
      throw this.#note(error, committed ? 'commit' : 'abort')
    }
  }

  async #initProducerId(producerId: number, producerEpoch: number): Promise<void> {
    const { transactionalId } = this
    const { transactionTimeoutMs, maxBlockMs, cluster } = this.#options
    const what = `initialise the transactional id '${transactionalId}'`
    try {
      const answer = await this.#transact({ what, timeoutMs: maxBlockMs }, async (connection) => {
        const body = { transactionalId, transactionTimeoutMs, producerId, producerEpoch }
        const response = await connection.request(InitProducerId, body, { maxVersion: INIT_VERSION_MAX })
        throwOnError(response.errorCode, what)
        return response
      })
      this.#producerId = answer.producerId
      this.#producerEpoch = answer.producerEpoch
      this.#version2 = cluster.transactionVersion >= 2
    } catch (error) {
      throw this.#note(error, 'init')
    }
  }

  #addPartitions(queues: readonly PartitionQueue[]): Promise<void> {
    this.#started = true
    const ids = this.#ids()
    const what = `add partitions to the transaction of '${this.transactionalId}'`
    return this.#transact({ what, timeoutMs: this.#options.maxBlockMs }, (connection) => addPartitions(connection, ids, queues))
  }

  #addGroup(groupId: string): Promise<void> {
    const ids = this.#ids()
    const what = `add group '${groupId}' to the transaction of '${this.transactionalId}'`
    return this.#transact({ what, timeoutMs: this.#options.maxBlockMs }, (connection) => addOffsets(connection, ids, groupId))
  }

  /** As they are now: the end of a transaction may change them. */
  #ids(): ProducerIds {
    return { transactionalId: this.transactionalId, producerId: this.#producerId, producerEpoch: this.#producerEpoch }
  }

  #transact<T>(call: { what: string; timeoutMs: number }, run: (connection: BrokerConnection) => Promise<T>): Promise<T> {
    const { coordinators } = this.#options.cluster
    return coordinators.run('transaction', this.transactionalId, this.#connections, { ...this.#limits(), ...call }, run)
  }

  #limits() {
    const stopped = (): Error | undefined =>
      this.#closed ? new MoldauError('CLOSED', 'the producer was closed while a transaction was under way') : undefined
    return { timeoutMs: this.#options.maxBlockMs, stopped, retriable: isConcurrent }
  }

  /** Keeps what an error means for the transaction and for the producer, and gives it the form that callers test for. */
  #note(error: unknown, call: TransactionalCall): Error {
    const { transactionalId } = this
    const cause = asMoldauError(error)
    this.#options.wake()
    if (isFatal(cause, call)) {
      this.#fatal ??= cause instanceof ProducerFatalError ? cause : new ProducerFatalError(transactionalId, cause)
      return this.#fatal
    }
    // There is no transaction yet; whoever asked may ask again.
    if (call === 'init' || cause.code === 'CLOSED') return cause
    const failure = this.#abortable(cause)
    this.#failure ??= failure
    return failure
  }

  #abortable(error: Error): TransactionAbortableError {
    return error instanceof TransactionAbortableError ? error : new TransactionAbortableError(this.transactionalId, asMoldauError(error))
  }
}

function asMoldauError(error: unknown): MoldauError {
  return error instanceof MoldauError ? error : new MoldauError('PROTOCOL', messageOf(error), { cause: error })
}

/** The transaction before is still being ended, by the coordinator itself or by the producer that was fenced. */
function isConcurrent(error: unknown): boolean {
  return error instanceof KafkaError && error.kafkaCode === 'CONCURRENT_TRANSACTIONS'
}
