import { diskSpace } from '../../base/disk-space.ts'
import { DescribeLogDirs } from '../../protocol/messages/describe-log-dirs.ts'
import type { Partition } from '../../replica/partition.ts'
import { byTopic } from '../coordinator-answers.ts'
import { handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

/**
 * DescribeLogDirs 0 to 5 (KIP-113): the data directory, what the partitions in it take, and (v4, KIP-827) how much room there is.
 * There is one directory, so no replica is on its way to another and none lags.
 */
export const describeLogDirs = handler({
  api: DescribeLogDirs,
  minVersion: 0,
  maxVersion: 5,
  handle(request, { broker }) {
    const partitions = request.topics === null ? [...broker.replicas.partitions()] : named(broker, request.topics)
    const sizes = partitions.map(({ topic, index, log }) => ({ topic, index, size: log.sizeInBytes }))
    const topics = byTopic(sizes, ({ index, size }) => ({ partitionIndex: index, partitionSize: size, offsetLag: 0, isFutureKey: false }))
    return {
      throttleTimeMs: 0,
      errorCode: 0,
      results: [
        {
          errorCode: 0,
          logDir: broker.logDir,
          topics: topics.map(({ topic, partitions: described }) => ({ name: topic, partitions: described })),
          ...diskSpace(broker.logDir),
        },
      ],
    }
  },
})

/** Those that are here; the others are left out. */
function named(broker: BrokerServices, topics: readonly { topic: string; partitions: readonly number[] }[]): Partition[] {
  return topics.flatMap(({ topic, partitions }) =>
    partitions.map((index) => broker.replicas.partition(topic, index)).filter((partition) => partition !== undefined),
  )
}
