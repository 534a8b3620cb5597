import { errorCode } from '../../protocol/errors.ts'
import type { KafkaErrorName } from '../../protocol/errors.ts'
import { AlterReplicaLogDirs } from '../../protocol/messages/alter-replica-log-dirs.ts'
import { handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

/** AlterReplicaLogDirs 0 to 2 (KIP-113): there is one data directory, in which every replica is already. */
export const alterReplicaLogDirs = handler({
  api: AlterReplicaLogDirs,
  minVersion: 0,
  maxVersion: 2,
  handle(request, { broker }) {
    const results = request.dirs.flatMap(({ path, topics }) =>
      topics.map(({ name, partitions }) => ({
        topicName: name,
        partitions: partitions.map((partitionIndex) => ({
          partitionIndex,
          errorCode: errorCode(move(broker, path, name, partitionIndex)),
        })),
      })),
    )
    return { throttleTimeMs: 0, results }
  },
})

function move(broker: BrokerServices, path: string, topic: string, partition: number): KafkaErrorName {
  if (path !== broker.logDir) return 'LOG_DIR_NOT_FOUND'
  return broker.replicas.partition(topic, partition) === undefined ? 'UNKNOWN_TOPIC_OR_PARTITION' : 'NONE'
}
