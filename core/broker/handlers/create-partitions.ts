import { messageOf } from '../../base/errors.ts'
import { KafkaError, errorCode, kafkaError } from '../../protocol/errors.ts'
import { CreatePartitions } from '../../protocol/messages/create-partitions.ts'
import { handler } from '../handler.ts'

/** CreatePartitions 0 to 3: raises the number of partitions of topics. Keys move to other partitions: that is the caller's business. */
export const createPartitions = handler({
  api: CreatePartitions,
  minVersion: 0,
  maxVersion: 3,
  handle(request, { broker }) {
    return {
      throttleTimeMs: 0,
      results: request.topics.map(({ name, count, assignments }) => {
        try {
          for (const { brokerIds } of assignments ?? []) {
            if (brokerIds.length !== 1 || brokerIds[0] !== broker.nodeId) {
              throw kafkaError('INVALID_REPLICA_ASSIGNMENT', `partitions can be on broker ${broker.nodeId} only`)
            }
          }
          broker.topics.grow(name, count, request.validateOnly)
          return { name, errorCode: 0 }
        } catch (error) {
          const code = error instanceof KafkaError ? error.kafkaCode : 'KAFKA_STORAGE_ERROR'
          return { name, errorCode: errorCode(code), errorMessage: messageOf(error) }
        }
      }),
    }
  },
})
