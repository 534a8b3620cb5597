import { errorCode } from '../../protocol/errors.ts'
import { DescribeTransactions } from '../../protocol/messages/describe-transactions.ts'
import type { DescribeTransactionsResponse } from '../../protocol/messages/describe-transactions.ts'
import type { Input } from '../../protocol/schema.ts'
import { nameOf } from '../coordinator-answers.ts'
import { handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

type State = Input<typeof DescribeTransactionsResponse>['transactionStates'][number]

/** DescribeTransactions 0: state, producer and partitions of transactional ids (KIP-664). */
export const describeTransactions = handler({
  api: DescribeTransactions,
  minVersion: 0,
  maxVersion: 0,
  handle(request, { broker }) {
    return { throttleTimeMs: 0, transactionStates: request.transactionalIds.map((id) => describe(broker, id)) }
  },
})

function describe(broker: BrokerServices, transactionalId: string): State {
  const nothing = {
    transactionalId,
    transactionState: '',
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0,
    producerId: 0,
    producerEpoch: 0,
    topics: [],
  }
  if (transactionalId === '') return { ...nothing, errorCode: errorCode('INVALID_REQUEST') }
  try {
    const txn = broker.transactions.describe(transactionalId)
    if (txn === undefined) return { ...nothing, errorCode: errorCode('TRANSACTIONAL_ID_NOT_FOUND') }
    return {
      errorCode: 0,
      transactionalId,
      transactionState: txn.state,
      transactionTimeoutMs: txn.timeoutMs,
      transactionStartTimeMs: txn.startedAt,
      producerId: txn.producerId,
      producerEpoch: txn.epoch,
      topics: [...txn.partitions.topics()].map(([topic, partitions]) => ({ topic, partitions: [...partitions.keys()] })),
    }
  } catch (error) {
    return { ...nothing, errorCode: errorCode(nameOf(error)) }
  }
}
