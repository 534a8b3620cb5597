import { KafkaError, errorCode } from '../../protocol/errors.ts'
import { DescribeProducers } from '../../protocol/messages/describe-producers.ts'
import type { DescribeProducersResponse } from '../../protocol/messages/describe-producers.ts'
import type { Input } from '../../protocol/schema.ts'
import { handler } from '../handler.ts'
import { partitionOf } from '../lookup.ts'
import type { BrokerServices } from '../services.ts'

type Answer = Input<typeof DescribeProducersResponse>['topics'][number]['partitions'][number]

/** DescribeProducers 0 (KIP-664): the idempotent and transactional producers that partitions remember, for finding transactions that hang. */
export const describeProducers = handler({
  api: DescribeProducers,
  minVersion: 0,
  maxVersion: 0,
  handle(request, { broker }) {
    return {
      throttleTimeMs: 0,
      topics: request.topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((index) => describe(broker, name, index)),
      })),
    }
  },
})

function describe(broker: BrokerServices, topic: string, partitionIndex: number): Answer {
  try {
    const { log } = partitionOf(broker, topic, '', partitionIndex, false)
    const activeProducers = Array.from(log.producers, (producer) => ({
      producerId: producer.producerId,
      producerEpoch: producer.epoch,
      lastSequence: producer.batches.at(-1)?.lastSequence ?? -1,
      lastTimestamp: producer.lastTimestamp,
      coordinatorEpoch: producer.coordinatorEpoch,
      currentTxnStartOffset: producer.transactionStart,
    }))
    return { partitionIndex, errorCode: 0, activeProducers }
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    return { partitionIndex, errorCode: errorCode(error.kafkaCode), errorMessage: error.detail, activeProducers: [] }
  }
}
