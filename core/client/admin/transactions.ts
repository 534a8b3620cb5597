import { tpKey } from '../../cluster/topic-partition.ts'
import { kafkaError } from '../../protocol/errors.ts'
import { DescribeTransactions } from '../../protocol/messages/describe-transactions.ts'
import { InitProducerId } from '../../protocol/messages/init-producer-id.ts'
import { ListTransactions } from '../../protocol/messages/list-transactions.ts'
import { WriteTxnMarkers } from '../../protocol/messages/write-txn-markers.ts'
import { check } from '../checks.ts'
import type { AdminOptions } from './calls.ts'
import { wordOf } from './codes.ts'
import { GroupOffsetAdmin } from './group-offsets.ts'
import { transactionStates } from './transaction-types.ts'
import type {
  FencedProducer,
  ListedTransaction,
  ListTransactionsOptions,
  TransactionDescription,
  TransactionToAbort,
} from './transaction-types.ts'
import * as specs from './specs.ts'

/** Transactions, and how to end those that hang. */
export class TransactionAdmin extends GroupOffsetAdmin {
  /**
   * The transactional ids that the brokers know (Kafka's `Admin.listTransactions`, KIP-664). Every broker is asked for those that it coordinates.
   *
   * @throws AdminError by node id; UNSUPPORTED_VERSION when a broker does not know a filter
   */
  listTransactions(options: ListTransactionsOptions = {}): Promise<ListedTransaction[]> {
    const { states = [], producerIds = [], durationMs, transactionalIdPattern, timeoutMs } = options
    return this.calls.everyBroker('transactions', { timeoutMs }, async (connection) => {
      const {
        errorCode,
        unknownStateFilters,
        transactionStates: found,
      } = await connection.request(ListTransactions, {
        stateFilters: [...states],
        producerIdFilters: [...producerIds],
        ...(durationMs !== undefined && { durationFilter: durationMs }),
        ...(transactionalIdPattern !== undefined && { transactionalIdPattern }),
      })
      if (unknownStateFilters.length > 0) {
        return { error: kafkaError('INVALID_REQUEST', `the broker does not know the states ${unknownStateFilters.join(', ')}`) }
      }
      const value = found.map(({ transactionalId, producerId, transactionState }) => {
        return { transactionalId, producerId, state: wordOf(transactionStates, transactionState) }
      })
      return { errorCode, value }
    })
  }

  /**
   * Transactions with their partitions (Kafka's `Admin.describeTransactions`, KIP-664).
   *
   * @throws AdminError by transactional id: TRANSACTIONAL_ID_NOT_FOUND, TRANSACTIONAL_ID_AUTHORIZATION_FAILED
   */
  describeTransactions(transactionalIds: readonly string[], options: AdminOptions = {}): Promise<TransactionDescription[]> {
    const { coordinators } = this.calls.cluster
    return this.calls.onCoordinators<string, TransactionDescription>('transaction', String, {
      what: 'describe transaction',
      items: transactionalIds,
      each: specs.text,
      nameOf: String,
      ...options,
      ask: async (connection, asked) => {
        const nodes = await coordinators.findAll('transaction', asked)
        const answer = await connection.request(DescribeTransactions, { transactionalIds: [...asked] })
        return answer.transactionStates.map(({ errorCode, transactionalId, ...each }) => {
          const startTimeMs = each.transactionStartTimeMs < 0 ? null : each.transactionStartTimeMs
          const partitions = each.topics.flatMap(({ topic, partitions: list }) => list.map((partition) => ({ topic, partition })))
          const { producerId, producerEpoch, transactionTimeoutMs: timeoutMs } = each
          const state = wordOf(transactionStates, each.transactionState)
          const coordinatorId = Number(nodes.get(transactionalId))
          const value = { transactionalId, coordinatorId, state, producerId, producerEpoch, timeoutMs, startTimeMs, partitions }
          return { name: transactionalId, errorCode, value }
        })
      },
    })
  }

  /**
   * Ends a transaction that hangs in one partition, because its coordinator knows nothing of it any more (Kafka's `Admin.abortTransaction`, KIP-664):
   * writes the marker there. A transaction that its coordinator knows is ended by {@link TransactionAdmin.forceTerminateTransaction}.
   *
   * @throws AdminError by `topic-partition`: INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED, CLUSTER_AUTHORIZATION_FAILED
   */
  async abortTransaction(transaction: TransactionToAbort, options: AdminOptions = {}): Promise<void> {
    check('admin.abortTransaction()', 'transaction', transaction, specs.transactionToAbort)
    const { topic, partition, producerId, producerEpoch, coordinatorEpoch } = transaction
    await this.calls.onLeaders<TransactionToAbort, void>({
      what: 'abort the transaction in',
      items: [transaction],
      each: specs.transactionToAbort,
      nameOf: tpKey,
      ...options,
      ask: async (connection) => {
        const topics = [{ name: topic, partitionIndexes: [partition] }]
        const marker = { producerId, producerEpoch, coordinatorEpoch: Math.max(coordinatorEpoch, 0), transactionResult: false, topics }
        const { markers } = await connection.request(WriteTxnMarkers, { markers: [marker] })
        return markers.flatMap((each) =>
          each.topics.flatMap(({ name, partitions }) =>
            partitions.map(({ partitionIndex, errorCode }) => ({ name: tpKey({ topic: name, partition: partitionIndex }), errorCode })),
          ),
        )
      },
    })
  }

  /**
   * Ends what producers of these ids have under way, and shuts them out: they are FENCED from then on (Kafka's `Admin.fenceProducers`, KIP-664).
   *
   * @throws AdminError by transactional id: TRANSACTIONAL_ID_AUTHORIZATION_FAILED ...
   */
  fenceProducers(transactionalIds: readonly string[], options: AdminOptions = {}): Promise<FencedProducer[]> {
    return this.calls.onCoordinators<string, FencedProducer>('transaction', String, {
      what: 'fence producers of',
      items: transactionalIds,
      each: specs.text,
      nameOf: String,
      ...options,
      ask: async (connection, asked, timeoutMs) =>
        Promise.all(
          asked.map(async (transactionalId) => {
            const answer = await connection.request(InitProducerId, { transactionalId, transactionTimeoutMs: timeoutMs })
            const { errorCode, producerId, producerEpoch } = answer
            return { name: transactionalId, errorCode, value: { transactionalId, producerId, producerEpoch } }
          }),
        ),
    })
  }

  /**
   * Aborts the open transaction of an id, and shuts its producer out (Kafka's `Admin.forceTerminateTransaction`, KIP-939).
   *
   * @throws AdminError by transactional id
   */
  async forceTerminateTransaction(transactionalId: string, options: AdminOptions = {}): Promise<void> {
    await this.fenceProducers([transactionalId], options)
  }
}
