import { diskSpace } from '../../base/disk-space.ts'
import { DescribeLogDirs } from '../../protocol/messages/describe-log-dirs.ts'
import type { Partition } from '../../replica/partition.ts'
import { byTopic } from '../coordinator-answers.ts'
import { handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

/** Partitions looked at without letting anything else run. */
const PARTITIONS_PER_TURN = 64

/**
 * DescribeLogDirs 0 to 5 (KIP-113): the data directory, what the partitions in it take, and (v4, KIP-827) how much room there is.
 * There is one directory, so no replica is on its way to another and none lags.
 */
export const describeLogDirs = handler({
  api: DescribeLogDirs,
  minVersion: 0,
  maxVersion: 5,
  async handle(request, { broker }) {
    const partitions = request.topics === null ? [...broker.replicas.partitions()] : named(broker, request.topics)
    const sizes = await sizesOf(partitions)
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

/** A log that nobody has used since the start is opened for this. */
async function sizesOf(partitions: readonly Partition[]): Promise<{ topic: string; index: number; size: number }[]> {
  const sizes = []
  for (const [i, { topic, index, log }] of partitions.entries()) {
    if (i % PARTITIONS_PER_TURN === PARTITIONS_PER_TURN - 1) await new Promise((resolve) => setImmediate(resolve))
    if (!log.isClosed) sizes.push({ topic, index, size: log.sizeInBytes })
  }
  return sizes
}

/** Those that are here; the others are left out. */
function named(broker: BrokerServices, topics: readonly { topic: string; partitions: readonly number[] }[]): Partition[] {
  return topics.flatMap(({ topic, partitions }) =>
    partitions.map((index) => broker.replicas.partition(topic, index)).filter((partition) => partition !== undefined),
  )
}
