import { errorCode } from '../../protocol/errors.ts'
import { InitProducerId } from '../../protocol/messages/init-producer-id.ts'
import { fencedAs } from '../coordinator-answers.ts'
import { handler } from '../handler.ts'

/**
 * InitProducerId 0 to 5: a producer id for an idempotent producer, or the next epoch of a transactional id, whose open transaction is aborted before
 * the answer. v3 lets a producer ask for a higher epoch of its own (KIP-360), v4 knows PRODUCER_FENCED.
 */
export const initProducerId = handler({
  api: InitProducerId,
  minVersion: 0,
  maxVersion: 5,
  async handle(request, { broker, version }) {
    const { transactionalId, transactionTimeoutMs, producerId, producerEpoch: epoch } = request
    if (producerId < 0 !== epoch < 0)
      return { throttleTimeMs: 0, errorCode: errorCode('INVALID_REQUEST'), producerId: -1, producerEpoch: -1 }
    const expected = producerId < 0 ? null : { producerId, epoch }
    const answer = await broker.transactions.initProducerId(transactionalId, transactionTimeoutMs, expected)
    return {
      throttleTimeMs: 0,
      errorCode: fencedAs(answer.error, version >= 4),
      producerId: answer.producerId,
      producerEpoch: answer.epoch,
    }
  },
})
