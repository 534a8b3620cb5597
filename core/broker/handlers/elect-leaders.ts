import { errorCode, kafkaError } from '../../protocol/errors.ts'
import { ElectLeaders } from '../../protocol/messages/elect-leaders.ts'
import { handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

const PREFERRED = 0
const UNCLEAN = 1

/** ElectLeaders 0 to 2 (KIP-460): every partition is led by its only replica, so there is nothing to elect. v1 knows unclean elections. */
export const electLeaders = handler({
  api: ElectLeaders,
  minVersion: 0,
  maxVersion: 2,
  handle(request, { broker, version }) {
    if (version >= 1 && request.electionType !== PREFERRED && request.electionType !== UNCLEAN)
      throw kafkaError('INVALID_REQUEST', `Value ${request.electionType} must be one of the following: PREFERRED, UNCLEAN`)
    // Asked for all, Kafka answers only those that were elected.
    const replicaElectionResults = (request.topicPartitions ?? []).map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map((partitionId) => ({ partitionId, ...elect(broker, topic, partitionId) })),
    }))
    return { throttleTimeMs: 0, errorCode: 0, replicaElectionResults }
  },
})

function elect(broker: BrokerServices, topic: string, partition: number): { errorCode: number; errorMessage: string | null } {
  if (broker.topics.get(topic) === undefined)
    return { errorCode: errorCode('UNKNOWN_TOPIC_OR_PARTITION'), errorMessage: `No such topic as ${topic}` }
  if (broker.replicas.partition(topic, partition) === undefined)
    return { errorCode: errorCode('UNKNOWN_TOPIC_OR_PARTITION'), errorMessage: `No such partition as ${topic}-${partition}` }
  return { errorCode: errorCode('ELECTION_NOT_NEEDED'), errorMessage: null }
}
