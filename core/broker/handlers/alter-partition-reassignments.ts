import { KafkaError, errorCode, kafkaError } from '../../protocol/errors.ts'
import { AlterPartitionReassignments } from '../../protocol/messages/alter-partition-reassignments.ts'
import { checkBrokers } from '../assignments.ts'
import { handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

/** AlterPartitionReassignments 0 to 1 (KIP-455): partitions can be on this broker only, where they are; nothing is ever on its way. */
export const alterPartitionReassignments = handler({
  api: AlterPartitionReassignments,
  minVersion: 0,
  maxVersion: 1,
  handle(request, { broker }) {
    return {
      throttleTimeMs: 0,
      allowReplicationFactorChange: request.allowReplicationFactorChange,
      errorCode: 0,
      errorMessage: null,
      responses: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, replicas }) => ({
          partitionIndex,
          ...answer(() => reassign(broker, name, partitionIndex, replicas)),
        })),
      })),
    }
  },
})

function answer(run: () => void): { errorCode: number; errorMessage: string | null } {
  try {
    run()
    return { errorCode: 0, errorMessage: null }
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    return { errorCode: errorCode(error.kafkaCode), errorMessage: error.detail }
  }
}

function reassign(broker: BrokerServices, topic: string, partition: number, replicas: readonly number[] | null): void {
  if (broker.topics.get(topic) === undefined) throw kafkaError('UNKNOWN_TOPIC_OR_PARTITION', `Unable to find a topic named ${topic}.`)
  if (broker.replicas.partition(topic, partition) === undefined)
    throw kafkaError('UNKNOWN_TOPIC_OR_PARTITION', `Unable to find partition ${topic}:${partition}.`)
  if (replicas === null) throw kafkaError('NO_REASSIGNMENT_IN_PROGRESS', `${topic}-${partition} is not on its way to another broker`)
  checkBrokers(broker.nodeId, replicas)
}
