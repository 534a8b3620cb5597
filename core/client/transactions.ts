import { messageOf, MoldauError } from '../base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { BrokerConnection } from '../cluster/connection.ts'
import type { Connections } from '../cluster/connections.ts'
import { errorName, KafkaError, kafkaError } from '../protocol/errors.ts'
import { EndTxn } from '../protocol/messages/end-txn.ts'
import { InitProducerId } from '../protocol/messages/init-producer-id.ts'
import { addOffsets, addPartitions, commitOffsets } from './transaction-requests.ts'
import type { PartitionQueue } from './partition-queue.ts'
import type { BatchIdentity, PendingBatch } from './pending-batch.ts'
import { fencedError } from './producer-identity.ts'
import type { ProducerIdentity } from './producer-identity.ts'
import type { GroupMetadata, OffsetToCommit } from './types.ts'

export interface TransactionsOptions {
  cluster: Cluster
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
  #fatal: Error | undefined
  /** Version 1: sequences may be off, the epoch has to be raised before the next transaction. */
  #bumpNeeded: boolean
  #partitions: Set<PartitionQueue>
  #newPartitions: Set<PartitionQueue>
  #adding: boolean
  #groups: Map<string, Promise<void>>
  #closed: boolean

  constructor(options: TransactionsOptions) {
    this.transactionalId = options.transactionalId
    this.#options = options
    this.#connections = options.cluster.connections()
    this.#version2 = false
    this.#producerId = -1
    this.#producerEpoch = -1
    this.#init = undefined
    this.#current = -1
    this.#started = false
    this.#failure = undefined
    this.#fatal = undefined
    this.#bumpNeeded = false
    this.#partitions = new Set()
    this.#newPartitions = new Set()
    this.#adding = false
    this.#groups = new Map()
    this.#closed = false
  }

  get produceVersionMax(): number {
    return this.#version2 ? Infinity : OLD.produce
  }

  /** Why the transaction can only be aborted. */
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
    if (this.#version2 || this.#partitions.has(batch.queue)) return true
    this.#newPartitions.add(batch.queue)
    this.#addPartitions()
    return false
  }

  identify(batch: PendingBatch): BatchIdentity {
    this.#started = true
    return batch.queue.identify(batch, this.#producerId, this.#producerEpoch)
  }

  /** Batches of a transaction that cannot commit are not sent; those of the next one wait for its end. */
  rejection(batch: PendingBatch): Error | undefined {
    return this.#fatal ?? (batch.transaction === this.#current ? this.#failure : undefined)
  }

  failed(_batch: PendingBatch, error: Error): void {
    if (error instanceof MoldauError && error.code === 'FENCED') this.#fatal ??= error
    else this.#failure ??= error
    this.#bumpNeeded = true
    this.#options.wake()
  }

  outOfOrder(_batch: PendingBatch, error: Error): Error {
    return error
  }

  /** The batches of transaction `number` may go from now on. */
  open(number: number): void {
    this.#current = number
    this.#failure = undefined
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
      if (!this.#version2) await this.#addGroup(group.groupId)
      const ids = { transactionalId: this.transactionalId, producerId: this.#producerId, producerEpoch: this.#producerEpoch }
      const call = { what: `commit offsets of group '${group.groupId}' in a transaction`, ...this.#limits() }
      await this.#options.cluster.coordinators.run('group', group.groupId, this.#connections, call, (connection) =>
        commitOffsets(connection, ids, offsets, group, this.#version2),
      )
    } catch (error) {
      throw this.#note(error)
    }
  }

  /** Ends the transaction. A commit or abort whose answer is lost is asked for again until it is known. */
  async end(commit: boolean): Promise<void> {
    if (this.#fatal !== undefined) throw this.#fatal
    await this.#settleAdding()
    if (this.#started) {
      try {
        await this.#endTxn(commit)
      } catch (error) {
        // Nothing of it had reached the coordinator: there is nothing to abort, and a new epoch shuts out what may still arrive.
        if (commit || !(error instanceof KafkaError) || error.kafkaCode !== 'INVALID_TXN_STATE') throw error
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
    this.#partitions = new Set()
    this.#newPartitions = new Set()
    this.#groups = new Map()
  }

  async #endTxn(committed: boolean): Promise<void> {
    const { transactionalId } = this
    const producerId = this.#producerId
    const producerEpoch = this.#producerEpoch
    const what = `${committed ? 'commit' : 'abort'} the transaction of '${transactionalId}'`
    const maxVersion = this.#version2 ? Infinity : OLD.endTxn
    try {
      const answer = await this.#transact({ what, timeoutMs: Infinity }, async (connection) => {
        const response = await connection.request(EndTxn, { transactionalId, producerId, producerEpoch, committed }, { maxVersion })
        return check(response, what)
      })
      if (answer.producerId >= 0) {
        this.#producerId = answer.producerId
        this.#producerEpoch = answer.producerEpoch
      }
    } catch (error) {
      throw this.#note(error)
    }
  }

  async #initProducerId(producerId: number, producerEpoch: number): Promise<void> {
    const { transactionalId } = this
    const { transactionTimeoutMs, maxBlockMs, cluster } = this.#options
    const what = `initialise the transactional id '${transactionalId}'`
    try {
      const answer = await this.#transact({ what, timeoutMs: maxBlockMs }, async (connection) => {
        const body = { transactionalId, transactionTimeoutMs, producerId, producerEpoch }
        return check(await connection.request(InitProducerId, body, { maxVersion: INIT_VERSION_MAX }), what)
      })
      this.#producerId = answer.producerId
      this.#producerEpoch = answer.producerEpoch
      this.#version2 = cluster.transactionVersion >= 2
    } catch (error) {
      throw this.#note(error)
    }
  }

  /** Version 1: announces partitions before anything is written to them. */
  #addPartitions(): void {
    if (this.#adding) return
    this.#adding = true
    queueMicrotask(() => {
      const queues = [...this.#newPartitions]
      const ids = { transactionalId: this.transactionalId, producerId: this.#producerId, producerEpoch: this.#producerEpoch }
      const call = { what: `add partitions to the transaction of '${this.transactionalId}'`, timeoutMs: this.#options.maxBlockMs }
      this.#started = true
      this.#transact(call, (connection) => addPartitions(connection, ids, queues))
        .then(() => {
          for (const queue of queues) {
            this.#partitions.add(queue)
            this.#newPartitions.delete(queue)
          }
        })
        .catch((error: unknown) => void this.#note(error))
        .finally(() => {
          this.#adding = false
          if (this.#newPartitions.size > 0 && this.failure === undefined) this.#addPartitions()
          this.#options.wake()
        })
    })
  }

  /** Version 1: announces a group once, however many ask at the same time. */
  #addGroup(groupId: string): Promise<void> {
    let added = this.#groups.get(groupId)
    if (added === undefined) {
      const ids = { transactionalId: this.transactionalId, producerId: this.#producerId, producerEpoch: this.#producerEpoch }
      const call = { what: `add group '${groupId}' to the transaction of '${this.transactionalId}'`, timeoutMs: this.#options.maxBlockMs }
      added = this.#transact(call, (connection) => addOffsets(connection, ids, groupId))
      this.#groups.set(groupId, added)
    }
    return added
  }

  async #settleAdding(): Promise<void> {
    while (this.#adding) await new Promise<void>((resolve) => this.#options.cluster.clock.after(1, resolve))
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

  /** Keeps what an error means for the transaction, and gives it the form that callers test for. */
  #note(error: unknown): Error {
    if (error instanceof KafkaError && fencing.has(error.kafkaCode)) {
      this.#fatal ??= fencedError(this.transactionalId, error.kafkaCode)
      return this.#fatal
    }
    const failure = error instanceof Error ? error : new MoldauError('PROTOCOL', messageOf(error))
    this.#failure ??= failure
    this.#options.wake()
    return failure
  }
}

const fencing: ReadonlySet<string> = new Set(['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING'])

/** The transaction before is still being ended, by the coordinator itself or by the producer that was fenced. */
function isConcurrent(error: unknown): boolean {
  return error instanceof KafkaError && error.kafkaCode === 'CONCURRENT_TRANSACTIONS'
}

function check<T extends { errorCode: number }>(response: T, what: string): T {
  const error = errorName(response.errorCode)
  if (error !== 'NONE') throw kafkaError(error, what)
  return response
}
