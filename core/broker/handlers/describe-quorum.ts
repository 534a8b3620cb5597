import { errorCode } from '../../protocol/errors.ts'
import { DescribeQuorum } from '../../protocol/messages/describe-quorum.ts'
import type { DescribeQuorumResponse } from '../../protocol/messages/describe-quorum.ts'
import type { Input } from '../../protocol/schema.ts'
import { handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

type Answer = Input<typeof DescribeQuorumResponse>['topics'][number]['partitions'][number]

/** Versions before have no place for them. */
const NODES_SINCE = 2

const METADATA_TOPIC = '__cluster_metadata'

/**
 * DescribeQuorum 0 to 2 (KIP-595): this broker is the one voter. Its metadata is a file and not a log: the number of its changes stands for
 * the end offset. v1 times of the last fetch (KIP-836), v2 directory ids and nodes (KIP-853).
 */
export const describeQuorum = handler({
  api: DescribeQuorum,
  minVersion: 0,
  maxVersion: 2,
  handle(request, { broker, version }) {
    const topics = request.topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ partitionIndex }) =>
        topicName === METADATA_TOPIC && partitionIndex === 0 ? quorum(broker) : unknown(partitionIndex),
      ),
    }))
    const nodes = [{ nodeId: broker.nodeId, listeners: [{ name: 'CONTROLLER', host: broker.endpoint.host, port: broker.endpoint.port }] }]
    return { errorCode: 0, errorMessage: null, topics, ...(version >= NODES_SINCE && { nodes }) }
  },
})

function quorum(broker: BrokerServices): Answer {
  const now = broker.clock.now()
  const end = broker.metadata.version
  const voter = {
    replicaId: broker.nodeId,
    replicaDirectoryId: broker.directoryId,
    logEndOffset: end,
    lastFetchTimestamp: now,
    lastCaughtUpTimestamp: now,
  }
  return {
    partitionIndex: 0,
    errorCode: 0,
    errorMessage: null,
    leaderId: broker.nodeId,
    leaderEpoch: 1,
    highWatermark: end,
    currentVoters: [voter],
    observers: [],
  }
}

function unknown(partitionIndex: number): Answer {
  const code = errorCode('UNKNOWN_TOPIC_OR_PARTITION')
  const errorMessage = "only the log of the cluster's metadata has a quorum"
  return { partitionIndex, errorCode: code, errorMessage, leaderId: 0, leaderEpoch: 0, highWatermark: 0, currentVoters: [], observers: [] }
}
