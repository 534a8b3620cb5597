import { EndTxn } from '../../protocol/messages/end-txn.ts'
import { abortableAs, callerOf, fencedAs } from '../coordinator-answers.ts'
import { handler } from '../handler.ts'

/** TRANSACTION_ABORTABLE came with version 4 (KIP-890 part 1). */
const ABORTABLE_SINCE = 4
/** From version 5 on the epoch rises with every transaction (KIP-890 part 2). */
const EPOCH_RISES_SINCE = 5

/** EndTxn 0 to 5: answered when the data is durable, the decision is durable, and the markers are in their partitions. v5 answers the next epoch. */
export const endTxn = handler({
  api: EndTxn,
  minVersion: 0,
  maxVersion: 5,
  async handle({ transactionalId, producerId, producerEpoch: epoch, committed }, context) {
    const { broker, version } = context
    const transactionVersion = version >= EPOCH_RISES_SINCE ? 2 : 0
    const answer = await broker.transactions.end(transactionalId, { producerId, epoch }, committed, transactionVersion, callerOf(context))
    const error = abortableAs(answer.error, version >= ABORTABLE_SINCE)
    return { throttleTimeMs: 0, errorCode: fencedAs(error, version >= 2), producerId: answer.producerId, producerEpoch: answer.epoch }
  },
})
