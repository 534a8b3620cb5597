import { type TopicPattern, topicPattern } from '../../coordinator/topic-pattern.ts'
import { txnStates } from '../../coordinator/transaction-state.ts'
import { MoldauError } from '../../base/errors.ts'
import { kafkaError } from '../../protocol/errors.ts'
import { ListTransactions } from '../../protocol/messages/list-transactions.ts'
import { handler } from '../handler.ts'

/** ListTransactions 0 to 2: v1 filters by duration (KIP-994; as in Kafka one that is not open has lasted for ever), v2 by a pattern of the id (KIP-1152). */
export const listTransactions = handler({
  api: ListTransactions,
  minVersion: 0,
  maxVersion: 2,
  handle({ stateFilters, producerIdFilters, durationFilter, transactionalIdPattern }, { broker }) {
    const pattern = patternOf(transactionalIdPattern)
    const now = broker.clock.now()
    const known: readonly string[] = txnStates
    const listed = broker.transactions.list().filter((txn) => {
      if (stateFilters.length > 0 && !stateFilters.includes(txn.state)) return false
      if (producerIdFilters.length > 0 && !producerIdFilters.includes(txn.producerId)) return false
      if (durationFilter >= 0 && now - txn.startedAt <= durationFilter) return false
      return pattern === undefined || pattern.matches(txn.id)
    })
    return {
      throttleTimeMs: 0,
      errorCode: 0,
      unknownStateFilters: stateFilters.filter((state) => !known.includes(state)),
      transactionStates: listed.map(({ id, producerId, state }) => ({ transactionalId: id, producerId, transactionState: state })),
    }
  },
})

/** The whole id has to match. An expression of RE2, as in Kafka: nobody can make the broker try for ever. */
function patternOf(text: string | null): TopicPattern | undefined {
  if (text === null || text === '') return undefined
  try {
    return topicPattern(text)
  } catch (error) {
    if (!(error instanceof MoldauError)) throw error
    throw kafkaError('INVALID_REGULAR_EXPRESSION', error.message)
  }
}
